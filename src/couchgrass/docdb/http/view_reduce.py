"""The rows of a view put together in groups, and each group reduced.

Built-in functions take the rows one by one. One in JavaScript gets the rows of a group in parts of a page,
and then what it made of the parts, as ``rereduce``. All of it is made anew for each request, which takes time
in proportion to the rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

import apsw

from couchgrass import json
from couchgrass.docdb.http.view_index import ViewIndex
from couchgrass.docdb.javascript.context import Program
from couchgrass.docdb.javascript.engine import Engine
from couchgrass.docdb.reduce import Emitted, Reduction, built_in, overflow
from couchgrass.docdb.sqlite.view_rows import Page
from couchgrass.docdb.view_query import KeyRange, SortKey, ViewQuery

BETWEEN = b",\r\n"


class Segment(NamedTuple):
    """Rows of one page that belong to one group: how the group is told from others, its key as JSON."""

    group: bytes
    key: bytes
    rows: list[Emitted]


async def reduced(
    engine: Engine,
    index: ViewIndex,
    program: Program,
    source: str,
    query: ViewQuery,
    ranges: Sequence[KeyRange],
) -> AsyncGenerator[bytes, None]:
    """The rows ``{"key":…,"value":…}``, page by page, with what is between them."""
    groups = _BuiltIn(source) if source.startswith("_") else _Scripted(engine, program, source)
    skip, limit, lead = query.options.skip, query.options.limit, b""
    for rows in ranges:
        after: Emitted | None = None
        while limit > 0:
            segments, page = await index.database.scan(_reader(index, rows, after, query.group_level, groups))
            ended = await groups.ended(segments, is_last=page.is_last)
            shown = ended[skip : skip + limit]
            skip = max(0, skip - len(ended))
            limit -= len(shown)
            if shown:
                yield lead + BETWEEN.join(shown)
                lead = BETWEEN
            if page.is_last:
                break
            after = page.rows[-1]


def _reader(
    index: ViewIndex,
    rows: KeyRange,
    after: Emitted | None,
    level: int | None,
    groups: _BuiltIn | _Scripted,
) -> Callable[[apsw.Connection], tuple[list[Segment], Page]]:
    def read(_: apsw.Connection) -> tuple[list[Segment], Page]:
        page = index.rows.page(rows, after=after)
        segments = segments_of(page.rows, level, index.view.sort_key)
        groups.look_at(segments)
        return segments, page

    return read


def segments_of(page: Sequence[Emitted], level: int | None, sort_key: SortKey) -> list[Segment]:
    """The page's rows by their groups. `level` as in `ViewQuery`."""
    found: list[Segment] = []
    for row in page:
        group, key = _group_of(row, level, sort_key)
        if not found or found[-1].group != group:
            found.append(Segment(group, key, []))
        found[-1].rows.append(row)
    return found


def _group_of(row: Emitted, level: int | None, sort_key: SortKey) -> tuple[bytes, bytes]:
    if level is None:
        return row.sort, row.key
    if level == 0:
        return b"", b"null"
    key = json.decode(row.key)
    if type(key) is not list or len(key) <= level:
        return row.sort, row.key
    return sort_key(key[:level]), json.encode(key[:level])


def _row(key: bytes, value: bytes) -> bytes:
    return b'{"key":%b,"value":%b}' % (key, value)


class _BuiltIn:
    """A built-in function: `look_at` does the work, on a thread."""

    def __init__(self, name: str) -> None:
        self._make = built_in(name)
        self._open: tuple[bytes, bytes, Reduction] | None = None
        self._ended: list[bytes] = []

    def look_at(self, segments: Sequence[Segment]) -> None:
        """Takes a page in."""
        for segment in segments:
            if self._open is not None and self._open[0] != segment.group:
                self._close()
            if self._open is None:
                self._open = (segment.group, segment.key, self._make())
            add = self._open[2].add
            for row in segment.rows:
                add(row)

    def _close(self) -> None:
        if self._open is not None:
            _, key, reduction = self._open
            self._ended.append(_row(key, json.encode(reduction.result())))
            self._open = None

    async def ended(self, segments: Sequence[Segment], *, is_last: bool) -> list[bytes]:
        """The rows of the groups that ended with this page."""
        if is_last:
            self._close()
        ended, self._ended = self._ended, []
        return ended


class _Scripted:
    """A function in JavaScript: `ended` has it run."""

    def __init__(self, engine: Engine, program: Program, source: str) -> None:
        self._engine = engine
        self._program = program
        self._source = source
        self._open: tuple[bytes, bytes, list[bytes]] | None = None

    def look_at(self, segments: Sequence[Segment]) -> None:
        """Nothing is done on the thread that reads."""

    async def ended(self, segments: Sequence[Segment], *, is_last: bool) -> list[bytes]:
        """Takes a page in. The rows of the groups that ended with it."""
        parts = await self._run([_json_of(segment.rows) for segment in segments], "false")
        done: list[tuple[bytes, bytes, list[bytes]]] = []
        for segment, part in zip(segments, parts, strict=True):
            if self._open is not None and self._open[0] != segment.group:
                done.append(self._open)
                self._open = None
            if self._open is None:
                self._open = (segment.group, segment.key, [])
            self._open[2].append(part)
        if is_last and self._open is not None:
            done.append(self._open)
            self._open = None
        return [_row(key, await self._whole(own)) for _, key, own in done]

    async def _whole(self, parts: list[bytes]) -> bytes:
        """What a group comes to, of which these are the parts."""
        if len(parts) == 1:
            return parts[0]
        return (await self._run([b"[" + b",".join(parts) + b"]"], "true"))[0]

    async def _run(self, texts: Sequence[bytes], again: str) -> list[bytes]:
        found = await self._engine.run_each(self._program, "reduce", self._source, texts, again)
        values = [json.encode(value) for value in found]
        for number, value in enumerate(values):
            complaint = overflow(len(texts[number]), len(value))
            if complaint is not None:
                values[number] = json.encode({"reduce_overflow_error": complaint})
        return values


def _json_of(rows: Sequence[Emitted]) -> bytes:
    found = [b"[[%b,%b],%b]" % (row.key, json.encode(row.id), row.value) for row in rows]
    return b"[" + b",".join(found) + b"]"
