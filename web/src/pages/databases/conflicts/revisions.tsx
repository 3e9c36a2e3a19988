import { type JSX } from "preact";

export function RevisionsView({ db, id }: { db: string; id: string }): JSX.Element {
  return <p>{db} {id}</p>;
}
