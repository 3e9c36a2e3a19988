"""Log lines look as OpenWhisk's and stay within the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.loglines import MB, LogLines

AT_NS = 1_767_225_600_000_000_001


def test_a_line_is_time_stream_and_text() -> None:
    logs = LogLines(1)
    logs.add("stdout", AT_NS, b"hello")
    logs.add("stderr", AT_NS + 999_999_998, b"")
    logs.add("stdout", AT_NS + 999_999_999, "\u00fc".encode())
    assert logs.lines == (
        "2026-01-01T00:00:00.000000001Z stdout: hello",
        "2026-01-01T00:00:00.999999999Z stderr: ",
        "2026-01-01T00:00:01.000000000Z stdout: \u00fc",
    )


def test_what_is_no_utf8_is_replaced() -> None:
    logs = LogLines(1)
    logs.add("stdout", AT_NS, b"\xff\xfea\xed\xa0\x80")
    assert logs.lines[0].endswith("stdout: \ufffd\ufffda\ufffd\ufffd\ufffd")
    "".join(logs.lines).encode()


def test_past_the_limit_all_is_dropped_and_the_last_line_says_so() -> None:
    logs = LogLines(1)
    logs.add("stdout", AT_NS, b"first")
    logs.add("stdout", AT_NS, b"x" * MB)
    logs.add("stdout", AT_NS, b"short")
    assert logs.truncated
    assert [line[31:] for line in logs.lines] == [
        "stdout: first",
        "stderr: Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes.",
    ]


def test_no_logs_are_kept_with_a_limit_of_zero() -> None:
    logs = LogLines(0)
    logs.add("stdout", AT_NS, b"")
    logs.note(AT_NS, "something")
    assert logs.lines == ()


@given(st.lists(st.binary(max_size=400_000), max_size=5))
def test_what_is_kept_is_within_the_limit(texts: list[bytes]) -> None:
    logs = LogLines(1)
    for text in texts:
        logs.add("stdout", AT_NS, text)
    kept = logs.lines[:-1] if logs.truncated else logs.lines
    assert sum(len(line.encode()) + 1 for line in kept) <= MB
    assert logs.truncated == (len(kept) < len(texts))


def test_empty_lines_without_end_take_bounded_memory() -> None:
    logs = LogLines(1)
    for _ in range(MB):
        logs.add("stdout", AT_NS, b"")
    assert len(logs.lines) < MB / 39 + 1
