import { type JSX } from "preact";

export function PermissionsView({ db }: { db: string }): JSX.Element {
  return <p>{db}</p>;
}
