import { type JSX } from "preact";
export function DesignView({ db }: { db: string; rest: readonly string[] }): JSX.Element { return <p>{db}</p>; }
