import { type JSX } from "preact";

export function ConflictsView({ db }: { db: string }): JSX.Element {
  return <p>{db}</p>;
}
