import { type JSX } from "preact";
import { Head } from "../../ui/parts";

export default function Page(): JSX.Element {
  return <Head title="drills" />;
}
