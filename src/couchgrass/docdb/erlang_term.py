"""JSON values as Erlang prints them with ``~w``, which CouchDB's Mango errors show to the caller.

A string is its UTF-8 bytes, ``<<97,98>>``; an object is ``{[{<<97>>,1}]}``; a float has the shortest
digits that read back as the same number, in plain or scientific form by Erlang's rule for which is
shorter.
"""

from __future__ import annotations

from typing import Any, Final

_ATOMS: Final = {None: "null", False: "false", True: "true"}
_PLAIN_FLOAT_MAX: Final = 2.0**53


def erlang_term(value: Any) -> str:
    """The text of a JSON value of any depth; identical values, and only they, have the same text."""
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is bytes:  # punctuation
            parts.append(item.decode())
        elif kind is list:
            parts.append("[")
            waiting.append(b"]")
            waiting += _separated([[member] for member in item])
        elif kind is dict:
            parts.append("{[")
            waiting.append(b"]}")
            waiting += _separated([[b"{", name, b",", member, b"}"] for name, member in item.items()])
        else:
            parts.append(_scalar(item))
    return "".join(parts)


def _separated(members: list[list[Any]]) -> list[Any]:
    """The members with a comma between them, last first."""
    items = [item for member in members for item in (b",", *member)]
    return items[:0:-1]


def _scalar(value: Any) -> str:
    match value:
        case None | bool():
            return _ATOMS[value]
        case int():
            return str(value)
        case float():
            return _float(value)
        case _:
            return f"<<{','.join(map(str, value.encode()))}>>"


def _float(number: float) -> str:
    """Erlang's ``float_to_list(Number, [short])``."""
    if number == 0:
        return "0.0"
    sign = "-" if number < 0 else ""
    digits, place = _shortest(abs(number))
    exponent = str(place - 1)
    scientific = f"{sign}{digits[0]}.{digits[1:] or '0'}e{exponent}"
    scientific_cost = len(exponent) + (3 if len(digits) == 1 else 2)
    if place <= 0:
        return f"{sign}0.{'0' * -place}{digits}" if 2 - place <= scientific_cost else scientific
    if place >= len(digits):
        plain = place - len(digits) + 2 <= scientific_cost and abs(number) < _PLAIN_FLOAT_MAX
        return f"{sign}{digits}{'0' * (place - len(digits))}.0" if plain else scientific
    return f"{sign}{digits[:place]}.{digits[place:]}"


def _shortest(number: float) -> tuple[str, int]:
    """The digits d of `number` = 0.d * 10**place, the fewest that read back as it."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    place = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0"), place
