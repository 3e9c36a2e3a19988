"""Secrets of the command line: taken from the environment, from a URL or asked for, and hidden from others.

Whatever a process was started with, its environment and its arguments, the system goes on showing to others.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import typer

from couchgrass.errors import BadRequest
from couchgrass.linking.address import Address, parse_address

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The first URL's name and password are in COUCHGRASS_A_USER and COUCHGRASS_A_PASSWORD, and so on."""

_ARG_START: Final = 48
"""Field of /proc/self/stat, counted from 1, with the address of the arguments; the next one is their end."""


def taken(variable: str) -> str:
    """A variable's value. Overwrites it in place: the system goes on showing what a process began with."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_void_p
    place = getenv(variable.encode())
    if place:
        ctypes.memset(place, 0, len(ctypes.string_at(place)))
    return os.environ.pop(variable, "")


def addresses(urls: Sequence[str]) -> list[Address]:
    """The servers with their credentials. Raises BadRequest for a URL that is none, or that stands there
    twice.

    A name or password that is not in the URL is in the environment; a password is asked for at a terminal.
    Those in the URL are wiped from the process list.
    """
    if len(urls) > len(LETTERS):
        raise BadRequest(f"at most {len(LETTERS)} servers")
    found: list[Address] = []
    for letter, url in zip(LETTERS, urls, strict=False):
        if "@" in url:
            _wipe(url.rpartition("@")[0].rpartition("//")[2])
        address = parse_address(url)
        user = address.user or taken(f"COUCHGRASS_{letter}_USER") or None
        password = address.password or taken(f"COUCHGRASS_{letter}_PASSWORD") or None
        if user is not None and password is None and sys.stdin.isatty():
            password = typer.prompt(f"Password of {user} at {address.base}", hide_input=True, err=True)
        if any(address.base == other.base for other in found):
            raise BadRequest(f"{address.base} is named twice")
        found.append(msgspec.structs.replace(address, user=user, password=password))
    return found


def _wipe(secret: str) -> None:
    """Overwrites it in this process's arguments, where the system says where they are (Linux)."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        # The first two fields, process id and name, are before the bracket.
        start, end = (int(field) for field in fields[_ARG_START - 3 : _ARG_START - 1])
    except (OSError, ValueError):
        return
    wanted = secret.encode(errors="surrogateescape")
    if not wanted or start == 0 or end <= start:
        return
    arguments = ctypes.string_at(start, end - start)
    at = arguments.find(wanted)
    while at >= 0:
        ctypes.memset(start + at, ord("*"), len(wanted))
        at = arguments.find(wanted, at + len(wanted))
