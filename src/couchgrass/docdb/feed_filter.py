"""Which changes of a database are asked for: the vocabulary of ``_changes``' filters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Filter(msgspec.Struct, frozen=True):
    """Which changes are asked for. At most one of `doc_ids`, `selector` and `name` is set.

    `name` is a design document's filter (``ddoc/name``) or a built-in one, with `query_params`; it runs where
    the source is. `all_leaves`: every leaf of a document (``style=all_docs``), else only the winner.
    """

    all_leaves: bool = True
    doc_ids: tuple[str, ...] | None = None
    selector: Mapping[str, Any] | None = None
    name: str | None = None
    query_params: Mapping[str, Any] = {}

    @property
    def selects(self) -> bool:
        """True when the feed leaves documents out, so that it can be silent while the source changes."""
        return self.doc_ids is not None or self.selector is not None or self.name is not None
