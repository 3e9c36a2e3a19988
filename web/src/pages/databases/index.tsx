// Databases: the list, one database with its tabs, and one document.

import { type JSX } from "preact";
import { route } from "../../router";
import { DatabaseView } from "./database";
import { DocumentView } from "./doc/view";
import { ListView } from "./list/view";
import "./databases.css";
import { placeOf } from "./place";

export default function Page(): JSX.Element {
  const place = placeOf(route.value.parts.slice(1));
  switch (place.kind) {
    case "list":
      return <ListView />;
    case "database":
      return <DatabaseView key={place.db} db={place.db} tab={place.tab} rest={place.rest} />;
    case "doc":
      return <DocumentView key={`${place.db}\n${place.id}`} db={place.db} id={place.id} tab={place.tab} />;
  }
}
