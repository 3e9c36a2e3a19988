"""The query options of the REST API, read strictly, refused in the words that OpenWhisk's clients know.

Source: OpenWhisk's ListLimit, ListSkip and their kin, and the sentence that its HTTP library puts in front of
them. Of an option that is there twice, the first counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

from couchgrass.errors import BadRequest
from couchgrass.functions.limits import LIST_LENGTH, LIST_LENGTH_MAX

WAIT_MS_MAX: Final = 60_000
"""How long a blocking invocation may wait for its result."""

OPTIONS_MAX: Final = 100
"""More options than any call has."""

DIGITS_MAX: Final = 18
"""A number with more digits is no time and no count."""

_BOOLEANS: Final = {
    word: value
    for words, value in (("true yes on 1", True), ("false no off 0", False))
    for word in words.split()
}

T = TypeVar("T")


class Query:
    """The options of one request."""

    __slots__ = ("_options",)

    def __init__(self, query_string: bytes) -> None:
        self._options: dict[str, str] = {}
        if not query_string:
            return
        try:
            pairs = parse_qsl(
                query_string.decode("latin-1"),
                keep_blank_values=True,
                max_num_fields=OPTIONS_MAX,
                errors="strict",
            )
        except ValueError as bad:
            raise BadRequest("The query string is malformed.") from bad
        for name, value in pairs:
            self._options.setdefault(name, value)

    def boolean(self, name: str, default: bool = False) -> bool:
        """Raises BadRequest for what is neither true nor false."""
        text = self._options.get(name)
        if text is None:
            return default
        value = _BOOLEANS.get(text.lower())
        if value is None:
            _malformed(name, f"'{text}' is not a valid Boolean value")
        return value

    def limit(self, collection: str) -> int:
        """How many rows, 1 to 200. 0 means as many as there may be."""
        text = self._options.get("limit")
        if text is None:
            return LIST_LENGTH
        number = _integer(text)
        if number is None:
            _malformed("limit", f"The value '{text}' is not an integer for {collection}.")
        if not 0 <= number <= LIST_LENGTH_MAX:
            _malformed(
                "limit",
                f"The value '{number}' is not in the range of 0 to {LIST_LENGTH_MAX} for {collection}.",
            )
        return number or LIST_LENGTH_MAX

    def skip(self, collection: str) -> int:
        """How many rows to leave out, 0 or more."""
        text = self._options.get("skip")
        if text is None:
            return 0
        number = _integer(text)
        if number is None:
            _malformed("skip", f"The value '{text}' is not an integer for {collection}.")
        if number < 0:
            _malformed("skip", f"The value '{number}' is not greater than or equal to 0 for {collection}.")
        return number

    def page(self, found: Sequence[T], collection: str) -> Sequence[T]:
        """The rows that `skip` and `limit` ask for."""
        limit, skip = self.limit(collection), self.skip(collection)
        return found[skip : skip + limit]

    def instant(self, name: str) -> int | None:
        """`since` or `upto`: milliseconds since the epoch; None when it is not there."""
        text = self._options.get(name)
        if text is None:
            return None
        number = _integer(text)
        if number is None:
            _malformed(name, f"Parameter is not a valid value for epoch seconds: {text}")
        return number

    def wait_ms(self) -> int:
        """`timeout`: how long a blocking invocation waits."""
        text = self._options.get("timeout")
        if text is None:
            return WAIT_MS_MAX
        number = _integer(text)
        if number is None or not 0 < number <= WAIT_MS_MAX:
            _malformed("timeout", f"Timeout must be number of milliseconds up to {WAIT_MS_MAX}.")
        return number

    def text(self, name: str) -> str | None:
        """An option as it is."""
        return self._options.get(name)


def _integer(text: str) -> int | None:
    """A decimal number, perhaps with a sign, as other languages read it: no blanks, no underscores."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX):
        return None
    return int(text)


def _malformed(name: str, why: str) -> NoReturn:
    raise BadRequest(f"The query parameter '{name}' was malformed:\n{why}")
