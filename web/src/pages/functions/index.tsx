import { type JSX } from "preact";
import type { Access } from "../../api/functions";
import { route, to } from "../../router";
import { Head, Tabs } from "../../ui/parts";
import { InNamespace, NamespaceOf } from "./access";
import { ActionPage } from "./action";
import { Actions } from "./actions";
import { ActivationPage } from "./activation";
import { Activations } from "./activations";
import { LimitsOf } from "./limits";
import { LiveTail } from "./live-tail";
import { NewAction } from "./new-action";
import { Rules } from "./rules";
import { Triggers } from "./triggers";
import "./functions.css";

/** The region's functions: #/functions/NAMESPACE/SECTION/… */
export default function Page(): JSX.Element {
  return <InNamespace page="functions" title="Functions">{(access) => <Sections access={access} />}</InNamespace>;
}

const SECTIONS = [
  { name: "actions", words: "Actions" },
  { name: "activations", words: "Activations" },
  { name: "tail", words: "Live tail" },
  { name: "triggers", words: "Triggers" },
  { name: "rules", words: "Rules" },
  { name: "limits", words: "Limits" },
] as const;

function Sections({ access }: { access: Access }): JSX.Element {
  const [, namespace = "", section = "actions", first, second] = route.value.parts;
  if (section === "actions" && first !== undefined && second !== undefined) {
    const place = { namespace: route.value.query.get("of") ?? namespace, package: first === "default" ? "" : first, name: second };
    return <ActionPage key={`${place.namespace}/${first}/${second}`} access={access} place={place} />;
  }
  if (section === "new") return <NewAction access={access} />;
  if (section === "activations" && first !== undefined) return <ActivationPage key={first} access={access} id={first} />;
  return (
    <>
      <Head title="Functions"><NamespaceOf access={access} page="functions" /></Head>
      <Tabs label="Of the namespace" current={section}
        tabs={SECTIONS.map((one) => ({ ...one, href: to(["functions", namespace, one.name]) }))} />
      {section === "actions" && <Actions access={access} />}
      {section === "activations" && <Activations access={access} />}
      {section === "tail" && <LiveTail access={access} />}
      {section === "triggers" && <Triggers access={access} />}
      {section === "rules" && <Rules access={access} />}
      {section === "limits" && <LimitsOf access={access} />}
    </>
  );
}
