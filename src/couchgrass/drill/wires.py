"""The wires between regions that run on one machine, and what a drill does to them: `wires.json`.

Pure. A wire stands for the way between two sites. "london->dallas" is the way by which dallas's replicator
reads from london: dallas connects to the wire's port, and the relay (`drill/run/relay.py`) to london's
database. So a request goes against the arrow, and the changes go with it; a fault strikes both directions.

    {"ports": {"london->dallas": 21001, …},
     "faults": {"london->dallas": FAULT}}

FAULT is {"cut": true}, {"freeze": true} or {"delay_ms": 100, "bytes_per_s": 100000}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import permutations
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from couchgrass.errors import BadRequest

ARROW: Final = "->"
FIRST_PORT: Final = 21001
"""Below those that systems give to outgoing connections."""

PIECE_S: Final = 0.05
"""On a wire with a bandwidth, as much is passed on at once as it carries in this time."""

PIECE_BYTES_MAX: Final = 64 * 1024


class WiresRefused(BadRequest):
    """The file can't be used."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is wrong with a wire. `cut`: connections are reset and new ones refused. `freeze`: nothing passes,
    and nobody is told. `delay_ms` each way; `bytes_per_s` each way, for all connections together."""

    cut: bool = False
    freeze: bool = False
    delay_ms: Annotated[float, Meta(ge=0, le=60_000)] = 0.0
    bytes_per_s: Annotated[int, Meta(ge=1)] | None = None

    @property
    def delay_s(self) -> float:
        return self.delay_ms / 1000

    @property
    def piece_bytes(self) -> int:
        """How much may be passed on at once."""
        if self.bytes_per_s is None:
            return PIECE_BYTES_MAX
        return max(1, min(PIECE_BYTES_MAX, int(self.bytes_per_s * PIECE_S)))

    def taken_s(self, size: int) -> float:
        """How long the wire is busy with so many bytes."""
        return 0.0 if self.bytes_per_s is None else size / self.bytes_per_s


SOUND: Final = Fault()


class Wires(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file."""

    ports: dict[str, Annotated[int, Meta(ge=1, le=65535)]] = {}
    faults: dict[str, Fault] = {}

    def fault(self, wire: str) -> Fault:
        return self.faults.get(wire, SOUND)


def wire_name(source: str, target: str) -> str:
    """The wire by which `target` reads from `source`."""
    return f"{source}{ARROW}{target}"


def ends_of(wire: str) -> tuple[str, str]:
    """(source, target) of a wire's name."""
    source, _, target = wire.partition(ARROW)
    return source, target


def read_wires(content: bytes, source: str) -> Wires:
    """Raises WiresRefused, whose text begins with `source`."""
    try:
        return msgspec.json.decode(content, type=Wires)
    except msgspec.DecodeError as bad:
        raise WiresRefused(f"{source}: {bad}") from None


def wires_text(wires: Wires) -> bytes:
    """What is in the file."""
    return msgspec.json.format(msgspec.json.encode(wires)) + b"\n"


def with_ports(
    known: Wires, regions: Sequence[str], taken: Callable[[int], bool], kept: Iterable[int] = ()
) -> Wires:
    """A port for each ordered pair of regions: the one that it had unless that is `taken`, else the next free
    one that is not in `kept`. Wires of regions that are gone are gone, and all wires are sound."""
    pairs = [wire_name(*pair) for pair in permutations(regions, 2)]
    ports: dict[str, int] = {}
    used = set(kept)
    for wire in pairs:
        port = known.ports.get(wire)
        if port is not None and port not in used and not taken(port):
            ports[wire] = port
            used.add(port)
    after = FIRST_PORT
    for wire in pairs:
        while wire not in ports:
            if after > 65535:
                raise WiresRefused("no port is free for the wires between regions")
            if after not in used and not taken(after):
                ports[wire] = after
            after += 1
    return Wires({wire: ports[wire] for wire in pairs})


def with_faults(known: Wires, faults: Mapping[str, Fault]) -> Wires:
    """The same wires with these faults and no others. Raises WiresRefused for a wire that there is not."""
    for wire in faults:
        if wire not in known.ports:
            raise WiresRefused(f"there is no wire {wire}: there is {', '.join(known.ports) or 'none'}")
    return Wires(known.ports, dict(faults))
