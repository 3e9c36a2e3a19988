"""The wires' file, and the ports that its wires keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.drill.wires import (
    PIECE_BYTES_MAX,
    SOUND,
    Fault,
    Wires,
    WiresRefused,
    ends_of,
    read_wires,
    wire_name,
    wires_text,
    with_faults,
    with_ports,
)

REGIONS = ("london", "dallas", "tokyo")
FIRST = with_ports(Wires(), REGIONS, lambda port: False)


def test_there_is_one_for_each_ordered_pair() -> None:
    assert len(FIRST.ports) == 6
    assert len(set(FIRST.ports.values())) == 6
    assert ends_of(wire_name("london", "dallas")) == ("london", "dallas")
    assert with_ports(Wires(), ["london"], lambda port: False) == Wires()


def test_ports_stay_and_a_taken_one_is_replaced() -> None:
    assert with_ports(FIRST, REGIONS, lambda port: False) == FIRST
    lost = FIRST.ports["london->dallas"]
    again = with_ports(FIRST, REGIONS, lambda port: port == lost)
    changed = {wire for wire in FIRST.ports if again.ports[wire] != FIRST.ports[wire]}
    assert changed == {"london->dallas"}


@given(st.sets(st.integers(21001, 21020)), st.sets(st.integers(21001, 21020)), st.permutations(REGIONS))
def test_no_port_is_taken_or_there_twice(taken: set[int], kept: set[int], order: list[str]) -> None:
    ports = list(with_ports(FIRST, order[:2], taken.__contains__, kept).ports.values())
    assert len(ports) == len(set(ports)) == 2
    assert not set(ports) & (taken | kept)


def test_what_a_drill_left_behind_is_gone_with_the_next_start() -> None:
    cut = with_faults(FIRST, {"london->dallas": Fault(cut=True)})
    assert cut.fault("london->dallas").cut
    assert cut.fault("dallas->london") == SOUND
    assert with_ports(cut, REGIONS, lambda port: False).faults == {}


def test_no_port_at_all() -> None:
    with pytest.raises(WiresRefused, match="no port is free"):
        with_ports(Wires(), REGIONS, lambda port: True)


def test_a_fault_of_no_wire_is_refused() -> None:
    with pytest.raises(WiresRefused, match="there is no wire x->y: there is london->dallas"):
        with_faults(FIRST, {"x->y": Fault()})


def test_the_file_is_read_back() -> None:
    slow = with_faults(FIRST, {"london->dallas": Fault(delay_ms=100, bytes_per_s=1000)})
    assert read_wires(wires_text(slow), "wires.json") == slow
    assert b'"freeze"' not in wires_text(slow)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"ports": {"a->b": 0}}', b'{"faults": {"a->b": {"cutt": true}}}']
)
def test_what_is_no_such_file_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(WiresRefused, match=r"^wires\.json: "):
        read_wires(text, "wires.json")


@given(st.integers(1, 10**10))
def test_a_piece_is_what_the_bandwidth_allows(bytes_per_s: int) -> None:
    fault = Fault(bytes_per_s=bytes_per_s)
    assert 1 <= fault.piece_bytes <= PIECE_BYTES_MAX
    assert fault.taken_s(bytes_per_s) == 1.0
    assert SOUND.piece_bytes == PIECE_BYTES_MAX
    assert SOUND.taken_s(10**9) == 0.0
