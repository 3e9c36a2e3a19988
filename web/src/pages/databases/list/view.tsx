import { type JSX } from "preact";
import { Head } from "../../../ui/parts";

export function ListView(): JSX.Element {
  return <Head title="Databases" />;
}
