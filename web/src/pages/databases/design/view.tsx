// The design documents of a database, and what is in them.

import { type JSX } from "preact";
import { allDocs, type Doc, key } from "../../../api/couch";
import { Icon } from "../../../ui/icon";
import { useLive } from "../../../ui/live";
import { Badge, Empty, Failed, Loading } from "../../../ui/parts";
import { databaseHref, documentHref, newDocumentHref } from "../place";
import { partsOf, viewsOf } from "./parts";
import { QueryView } from "./query-view";

const SHOWN_MAX = 200;

export function DesignView({ db, rest }: { db: string; rest: readonly string[] }): JSX.Element {
  const [ddoc, name] = rest;
  return ddoc && name ? <QueryView key={`${ddoc}/${name}`} db={db} ddoc={ddoc} name={name} /> : <DesignList db={db} />;
}

function DesignList({ db }: { db: string }): JSX.Element {
  const read = async (signal: AbortSignal) => {
    const { rows } = await allDocs(db, { startkey: key("_design/"), endkey: key("_design0"), inclusive_end: false, include_docs: true, limit: SHOWN_MAX }, signal);
    return rows.flatMap((row) => (row.doc ? [row.doc] : []));
  };
  const live = useLive(read, 0, [db]);
  const docs = live.value.value;
  return (
    <div class="stack">
      <div class="row"><a class="button main" href={`${newDocumentHref(db)}?design`}><Icon name="plus" /> New design document</a></div>
      {live.failed.value && <Failed text={live.failed.value} again={() => void live.again()} />}
      {!docs && !live.failed.value && <Loading />}
      {docs?.length === 0 && <Empty title="No design documents"><p>They hold views, filters and the rules for what may be written.</p></Empty>}
      {docs?.map((doc) => <DesignCard key={doc._id} db={db} doc={doc} />)}
      {docs?.length === SHOWN_MAX && <p class="hint">There may be more; “Documents” shows all.</p>}
    </div>
  );
}

function DesignCard({ db, doc }: { db: string; doc: Doc }): JSX.Element {
  const name = doc._id.replace("_design/", "");
  const views = viewsOf(doc);
  return (
    <section class="card databases-design">
      <h2><a href={documentHref(db, doc._id)}>{doc._id}</a> {typeof doc.language === "string" && <Badge tone="soft">{doc.language}</Badge>}</h2>
      {views.length > 0 ? (
        <ul>
          {views.map((one) => (
            <li key={one.name}><a href={databaseHref(db, "design", name, one.name)}>{one.name}</a> {one.reduce && <Badge tone="soft">reduce {one.reduce}</Badge>}</li>
          ))}
        </ul>
      ) : <p class="hint">No views.</p>}
      {partsOf(doc).map(([title, names]) => <p key={title} class="small soft">{title}{names.length > 0 && `: ${names.join(", ")}`}</p>)}
    </section>
  );
}
