"""What is recorded is counted once, when it has ended."""

from __future__ import annotations

from typing import Any

from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.metrics import Counts
from couchgrass.functions.run.counted import Counted


class Kept:
    """Records, in a list."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def begin(self, activation: Activation, *, durable: bool = False) -> None:
        self.calls.append(("begin", durable))

    def put(self, activation: Activation) -> None:
        self.calls.append(("put", activation.status))


def test_it_is_counted_by_kind_and_passed_on() -> None:
    kept, counts = Kept(), Counts()
    records = Counted(kept, counts)
    sequence = Activation("ns", "s", "me", "id", 1, "0.0.1", {"kind": "sequence"})
    fired = Activation("ns", "t", "me", "id", 1, "0.0.1", {}, status=Status.SUCCESS)
    records.begin(sequence, durable=True)
    records.put(sequence)  # it was not run: nothing ended
    records.put(fired)
    assert counts.ended == {("trigger", Status.SUCCESS): 1}
    assert kept.calls == [("begin", True), ("put", None), ("put", Status.SUCCESS)]
