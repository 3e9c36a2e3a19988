// Replication: the table of jobs, one job, and the form that makes or changes one.

import { type JSX } from "preact";
import { route } from "../../router";
import { EditPage, NewPage } from "./form-page";
import { JobPage } from "./job";
import { List } from "./list";
import "./replication.css";

export default function Page(): JSX.Element {
  const [, first, id, what] = route.value.parts;
  if (first === undefined) return <List />;
  if (first === "new") return <NewPage />;
  if (id === undefined) return <List />;
  const key = `${first}/${id}`;
  if (what === "edit") return <EditPage key={key} database={first} id={id} />;
  return <JobPage key={key} database={first === "transient" ? null : first} id={id} />;
}
