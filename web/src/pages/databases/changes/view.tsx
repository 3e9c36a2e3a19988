import { type JSX } from "preact";
export function ChangesView({ db }: { db: string }): JSX.Element { return <p>{db}</p>; }
