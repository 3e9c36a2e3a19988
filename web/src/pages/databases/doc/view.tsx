import { type JSX } from "preact";
import { to } from "../../../router";
import { Head, Tabs } from "../../../ui/parts";
import { RevisionsView } from "../conflicts/revisions";
import { databaseHref, documentHref, type DocumentTab } from "../place";

export function DocumentView({ db, id, tab }: { db: string; id: string; tab: DocumentTab }): JSX.Element {
  return (
    <>
      <Head title={id} trail={[["Databases", to(["databases"])], [db, databaseHref(db)]]} />
      <Tabs label="Parts of the document" current={tab} tabs={[
        { name: "document", words: "Document", href: documentHref(db, id) },
        { name: "revisions", words: "Revisions", href: documentHref(db, id, "revisions") },
        { name: "attachments", words: "Attachments", href: documentHref(db, id, "attachments") },
      ]} />
      {tab === "revisions" && <RevisionsView db={db} id={id} />}
    </>
  );
}
