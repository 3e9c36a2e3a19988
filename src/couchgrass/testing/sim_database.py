"""One database of a simulated node: what readers see, and what is on its disk.

The decisions are docdb's own pure code (`document`, `update`, `revtree`, `attachment`), so a simulation tries
that too; this file only keeps rows in dictionaries where `docdb.sqlite` has tables. Nothing here waits: the
node that holds the database says when a write reaches the disk (`sync`) and when the machine dies (`crash`).

Values in a State are never changed, only replaced, so that a copy of a state is a copy of a few dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import md5
from typing import Any

import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Attachment, Fresh, Inline, Stub
from couchgrass.docdb.attachment_bytes import Digest, PackedDigest
from couchgrass.docdb.changes import start_seq
from couchgrass.docdb.document import Edit, is_design, parse_document
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.revtree import Tree
from couchgrass.docdb.selector import compile_changes_selector
from couchgrass.docdb.update import Leaf, Row, Update, extend, graft, parent_of, tree_of
from couchgrass.docdb.wire import Change, LeafRev
from couchgrass.errors import BadRequest, NotFound

Validate = Callable[[str, Mapping[str, Any]], None]
"""What stands for ``validate_doc_update``: raises Forbidden or Unauthorized for (id, document)."""


class Doc(msgspec.Struct, frozen=True):
    """A document: its row, and the content of its other leaves (and of replaced ones) by revision."""

    row: Row
    beside: Mapping[str, Leaf]

    @property
    def tree(self) -> Tree:
        return tree_of(self.row)

    def content(self, rev: str) -> Leaf | None:
        """A revision's content, None when it is not kept."""
        row = self.row
        if rev == row.rev:
            return Leaf(row.rev, row.deleted, row.body, row.atts)
        return self.beside.get(rev)

    def leaf(self, rev: str) -> Leaf:
        """A leaf's content, which is always there."""
        found = self.content(rev)
        assert found is not None, f"leaf {rev} of {self.row.id!r} has no content"
        return found


class Local(msgspec.Struct, frozen=True):
    """A ``_local`` document."""

    count: int
    body: bytes


class State(msgspec.Struct):
    """All that a database holds but its attachments' bytes."""

    docs: dict[str, Doc] = {}
    locals: dict[str, Local] = {}
    security: bytes = b"{}"
    seq: int = 0

    def copy(self) -> State:
        return State(dict(self.docs), dict(self.locals), self.security, self.seq)


class SimDatabase:
    """The database; `uuid` is its life's, `created` its `instance_start_time`.

    `keeps_replaced` False: replaced revisions lose their content at once, as if compaction never rested.
    """

    def __init__(
        self, name: str, uuid: str, *, created: str = "0", revs_limit: int = 1000, keeps_replaced: bool = True
    ) -> None:
        self.name = name
        self.uuid = uuid
        self.created = created
        self.revs_limit = revs_limit
        self.keeps_replaced = keeps_replaced
        self.validate: Validate | None = None
        self.request_bytes_max = 8_000_000
        self.visible = State()
        self.durable = State()
        self.blobs: dict[int, bytes] = {}

    # --- the disk ---

    def sync(self) -> None:
        """What readers see is on the disk from now on."""
        self.durable = self.visible.copy()

    def crash(self) -> None:
        """What is not on the disk is gone."""
        self.visible = self.durable.copy()

    def backup(self) -> State:
        """A copy of the file."""
        return self.durable.copy()

    def restore(self, backup: State) -> None:
        """The file is a copy of an earlier one: its uuid stays, sequences go back."""
        self.durable = backup.copy()
        self.visible = backup.copy()

    # --- reading ---

    def text_of(self, seq: int) -> str:
        """A sequence as readers get it."""
        return f"{seq}-{self.uuid}"

    def number_of(self, since: str) -> int:
        """Where a reader that comes with `since` goes on: JSON text or bare."""
        return start_seq(since, suffix=f"-{self.uuid}", now=self.visible.seq)

    def changes(self, since: int, wanted: Filter) -> Iterator[tuple[int, Change]]:
        """Every change after `since` that the filter lets pass, with its number."""
        accepts = _accepts(wanted)
        docs = [doc for doc in self.visible.docs.values() if doc.row.seq > since]
        for doc in sorted(docs, key=lambda doc: doc.row.seq):
            row = doc.row
            leaves = doc.tree.leaves if wanted.all_leaves else (parse_rev(row.rev),)
            passing = [leaf for rev in leaves if accepts(row.id, leaf := doc.leaf(str(rev)))]
            if passing:
                seq = msgspec.Raw(json.encode(self.text_of(row.seq)))
                yield row.seq, Change(row.id, [LeafRev(leaf.rev) for leaf in passing], seq, row.deleted)

    def leaves_of(self, doc_id: str, rev: str) -> tuple[Doc | None, list[Leaf]]:
        """``latest=true``: the leaves that descend from `rev`; none when it is not there."""
        doc = self.visible.docs.get(doc_id)
        if doc is None:
            return None, []
        asked, tree = parse_rev(rev), doc.tree
        names = [str(leaf) for leaf in tree.descendants(asked)] if asked in tree else []
        return doc, [doc.leaf(name) for name in names]

    def rules(self) -> bytes:
        """A digest of the design documents and ``_security``."""
        revs = sorted((name, doc.row.rev) for name, doc in self.visible.docs.items() if is_design(name))
        return md5(json.encode(revs) + self.visible.security, usedforsecurity=False).digest()

    # --- writing: all of this is seen at once, and on the disk after `sync` ---

    def edit(self, doc: Mapping[str, Any]) -> Rev:
        """An ordinary edit. Raises Conflict and what else refuses it."""
        edit = parse_document(dict(doc))
        self._check(edit)
        known = self.visible.docs.get(edit.id)
        row = known.row if known else None
        parent = parent_of(row, edit)
        held = {}
        if edit.attachments:
            leaf = known.content(str(parent)) if known and parent and edit.ids else None
            pos = parent.pos + 1 if parent else 1
            held = self._held(edit, att.decode(leaf.atts or b"") if leaf else {}, pos, ())
        update = extend(row, edit, att.encode(held) or None, att.fingerprint(held), self.revs_limit)
        assert update.rev is not None
        self._apply(known, update)
        return update.rev

    def replicate(self, doc: bytes, following: Sequence[bytes] = ()) -> bool:
        """One leaf with its history; False when it changes nothing. Raises what refuses it.

        `following` are the bytes of the attachments that follow, as they are stored.
        """
        edit = parse_document(json.decode(doc))
        if not edit.ids:
            raise BadRequest("When `new_edits: false`, the document needs `_rev` or `_revisions` specified")
        known = self.visible.docs.get(edit.id)
        row = known.row if known else None
        if known is None or Rev(edit.pos, edit.ids[0]) not in known.tree:
            self._check(edit)
        held = {}
        if edit.attachments:
            held = self._held(edit, self._nearest(known, edit), None, following)
        update = graft(row, edit, att.encode(held) or None, self.revs_limit)
        if update is not None:
            self._apply(known, update)
        return update is not None

    def put_local(self, doc_id: str, doc: Mapping[str, Any]) -> str:
        """Writes a ``_local`` document; its new revision. Like CouchDB this takes the last writer."""
        members = {key: value for key, value in doc.items() if key not in ("_id", "_rev")}
        count = int(str(doc.get("_rev", "0-0")).partition("-")[2]) + 1
        self.visible.locals[doc_id] = Local(count, json.encode(members))
        return f"0-{count}"

    def secure(self, security: Mapping[str, Any]) -> None:
        self.visible.security = json.encode(security)

    def _check(self, edit: Edit) -> None:
        if self.validate is not None and not is_design(edit.id):
            self.validate(edit.id, json.decode(edit.body))

    def _nearest(self, known: Doc | None, edit: Edit) -> Mapping[str, Attachment] | None:
        """The attachments of the newest ancestor (or the revision itself) whose content is here."""
        for back, rev_id in enumerate(edit.ids if known else ()):
            leaf = known.content(f"{edit.pos - back}-{rev_id}") if known else None
            if leaf is not None:
                return att.decode(leaf.atts or b"")
        return None

    def _held(
        self,
        edit: Edit,
        parent: Mapping[str, Attachment] | None,
        revpos: int | None,
        following: Sequence[bytes],
    ) -> dict[str, Attachment]:
        """The new revision's attachments. Bytes that are written for nothing do no harm."""
        held = {}
        rest = list(following)
        for name, incoming in att.parse_incoming(edit.attachments).items():
            if isinstance(incoming, Stub):
                held[name] = att.resolve_stub(edit.id, name, incoming, parent)
                continue
            if isinstance(incoming, Inline):
                ready = att.make_ready(incoming)
            else:
                data = rest.pop(0)
                ready = _arrived(name, incoming, data)
            assert ready.data is not None
            blob = len(self.blobs) + 1
            self.blobs[blob] = ready.data
            held[name] = ready.attachment(name, revpos or ready.revpos or edit.pos, blob)
        return held

    def _apply(self, known: Doc | None, update: Update) -> None:
        beside = dict(known.beside) if known else {}
        row = update.row
        if update.promoted is not None:
            promoted = beside.pop(update.promoted)
            row.body, row.atts = promoted.body, promoted.atts
        for gone in (*update.removed, *(() if self.keeps_replaced else update.retired)):
            beside.pop(gone, None)
        kept = [*update.added]
        if update.replaced is not None and self.keeps_replaced:
            kept.append(update.replaced)
        beside.update((leaf.rev, leaf) for leaf in kept)
        self.visible.seq += 1
        row.seq = self.visible.seq
        self.visible.docs[row.id] = Doc(row, beside)


def _arrived(name: str, incoming: att.Follows, data: bytes) -> Fresh:
    """Bytes that followed, stored as they came."""
    if incoming.encoded_length not in (None, len(data)):
        raise BadRequest(f"{name}: {len(data)} bytes came instead of {incoming.encoded_length}")
    sink = PackedDigest(name) if incoming.encoding == "gzip" else Digest()
    sink.write(data)
    sink.finish()
    stored = sink.stored()
    att.check_md5(stored.received_md5, incoming.md5)
    return Fresh(incoming.content_type, incoming.revpos, stored, data)


def _accepts(wanted: Filter) -> Callable[[str, Leaf], bool]:
    """A filter as a predicate of a leaf. A design document's function can't be run here: NotFound."""
    if wanted.doc_ids is not None:
        ids = frozenset(wanted.doc_ids)
        return lambda doc_id, leaf: doc_id in ids
    if wanted.selector is not None:
        matches = compile_changes_selector(dict(wanted.selector))
        return lambda doc_id, leaf: matches(_members_of(doc_id, leaf))
    if wanted.name == "_design":
        return lambda doc_id, leaf: is_design(doc_id)
    if wanted.name is not None:
        raise NotFound("missing")
    return lambda doc_id, leaf: True


def _members_of(doc_id: str, leaf: Leaf) -> dict[str, Any]:
    """A leaf as the document that a selector looks at."""
    members: dict[str, Any] = json.decode(leaf.body)
    return {**members, "_id": doc_id, "_rev": leaf.rev, **({"_deleted": True} if leaf.deleted else {})}
