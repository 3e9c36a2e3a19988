"""Records that are counted on their way: those of sequences, conductors, feeds and triggers.

The runs of actions' processes are counted where they are run; see `Invoker.counts`.
"""

from __future__ import annotations

from typing import Final

from couchgrass.functions.activation import Activation
from couchgrass.functions.metrics import Counts
from couchgrass.functions.run.needs import Records

TRIGGER: Final = "trigger"
"""The kind of an activation whose record has none."""


class Counted:
    """`Records` in front of others."""

    def __init__(self, records: Records, counts: Counts) -> None:
        self._records = records
        self._counts = counts

    def begin(self, activation: Activation, *, durable: bool = False) -> None:
        self._records.begin(activation, durable=durable)

    def put(self, activation: Activation) -> None:
        if activation.status is not None:
            self._counts.record(str(activation.annotations.get("kind", TRIGGER)), activation.status)
        self._records.put(activation)
