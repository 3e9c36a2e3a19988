"""The filter of system calls, run as the kernel runs it."""

from __future__ import annotations

import errno
import struct

import pytest

from couchgrass.functions.runtimes.calls import REFUSED, program

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOWED, REFUSED_WITH = 0x7FFF0000, 0x00050000 | errno.ENOSYS


def run(text: bytes, arch: int, number: int) -> int:
    """What a classic BPF machine returns for a call."""
    rows = list(struct.iter_unpack("=HBBI", text))
    call = struct.pack("=II", number, arch)
    at = held = 0
    while True:
        code, if_true, if_false, wanted = rows[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", call, wanted)
            case 0x15:
                at += if_true if held == wanted else if_false
            case 0x35:
                at += if_true if held >= wanted else if_false
            case 0x06:
                return int(wanted)
            case _:
                raise AssertionError(code)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_only_the_calls_that_are_named_are_refused(machine: str) -> None:
    text, arch = program(machine), ARCHITECTURES[machine]
    refused = {number for number in range(600) if run(text, arch, number) != ALLOWED}
    assert refused == set(REFUSED[machine].values())
    assert run(text, arch, min(refused)) == REFUSED_WITH


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_no_other_table_of_calls_leads_round_it(machine: str) -> None:
    others = {I386, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}
    assert {run(program(machine), arch, 1) for arch in others} == {REFUSED_WITH}
    assert run(program(machine), ARCHITECTURES[machine], 0x40000000 + 1) == REFUSED_WITH


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    assert program("riscv64") == b""
