"""Archives that are alike everywhere, and digests of what is in them."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.deploy import code
from couchgrass.deploy.code import File, encoded, executable, zipped

NAMES = st.text(alphabet="abc./_é", min_size=1, max_size=8).filter(lambda name: not name.endswith("/"))
FILES = st.dictionaries(NAMES, st.builds(File, st.binary(max_size=40), st.booleans()), max_size=5)


def other_tools_zip(files: dict[str, File], *, reverse: bool, stored: bool) -> str:
    """The same files packed by somebody else: other order, other times, a folder's entry."""
    packed = io.BytesIO()
    how = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(packed, "w", how) as archive:
        archive.writestr(zipfile.ZipInfo("folder/", (2020, 1, 2, 3, 4, 6)), b"")
        for name in sorted(files, reverse=reverse):
            entry = zipfile.ZipInfo(name, (2024, 5, 6, 7, 8, 10))
            entry.external_attr = (0o100775 if files[name].is_executable else 0o100600) << 16
            archive.writestr(entry, files[name].content)
    return base64.b64encode(packed.getvalue()).decode()


@settings(deadline=None)
@given(FILES, st.booleans(), st.booleans())
def test_the_digest_is_of_the_files_whoever_packed_them(
    files: dict[str, File], reverse: bool, stored: bool
) -> None:
    ours = executable("nodejs:20", encoded(zipped(files)))
    theirs = executable("nodejs:20", other_tools_zip(files, reverse=reverse, stored=stored))
    assert ours.digest == theirs.digest
    assert ours.binary


@settings(deadline=None)
@given(FILES, FILES)
def test_other_files_have_another_digest(some: dict[str, File], others: dict[str, File]) -> None:
    one, two = (executable("python:3", encoded(zipped(each))).digest for each in (some, others))
    assert (one == two) == (some == others)


@given(FILES)
def test_an_archive_gives_back_what_was_put_in_with_its_modes(files: dict[str, File]) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(files))) as archive:
        found = {
            entry.filename: File(archive.read(entry), bool(entry.external_attr >> 16 & 0o100))
            for entry in archive.infolist()
        }
        assert [entry.date_time for entry in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)] * len(files)
    assert found == files


def test_all_of_an_exec_counts() -> None:
    execs = [
        executable("nodejs:20", "a();"),
        executable("nodejs:18", "a();"),
        executable("nodejs:20", "b();"),
        executable("nodejs:20", "a();", main="handler"),
        executable("blackbox", "a();", image="me/one"),
        executable("blackbox", "a();", image="me/two"),
        executable("sequence", components=("/_/a", "/_/b")),
        executable("sequence", components=("/_/b", "/_/a")),
    ]
    assert len({one.digest for one in execs}) == len(execs)


def test_main_is_what_main_is_called_when_nothing_is_said() -> None:
    assert executable("python:3", "x=1", main="main").digest == executable("python:3", "x=1").digest


def test_base64_that_is_no_archive_counts_by_its_bytes() -> None:
    one = executable("blackbox", base64.b64encode(b"\x7fELF one").decode(), image="me/one")
    two = executable("blackbox", base64.b64encode(b"\x7fELF two").decode(), image="me/one")
    assert one.binary
    assert one.digest != two.digest


def test_an_archive_that_unpacks_to_too_much_is_told_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = encoded(zipped({"zeros": File(bytes(3_000_000))}))
    whole = executable("nodejs:20", huge).digest
    monkeypatch.setattr(code, "UNPACKED_BYTES_MAX", 1_000_000)
    assert executable("nodejs:20", huge).digest != whole


def test_code_is_not_shown() -> None:
    secret = "password = 'hunter2'"
    assert "hunter2" not in repr(executable("python:3", secret))
    assert "hunter2" not in repr(code.Packed("py", secret))
