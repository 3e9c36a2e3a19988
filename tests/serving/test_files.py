"""Secrets are kept, whole, and for their owner's eyes only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from couchgrass.serving.files import SecretRefused, kept_secret, put_file, replace_file

FIRST = "the first of all secrets"


def test_a_file_is_replaced_whole_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    replace_file(path, b"one")
    (tmp_path / "key.new").write_bytes(b"left by a crash")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    made = iter([FIRST, "second"])
    assert kept_secret(tmp_path / "secret", lambda: next(made)) == FIRST
    assert kept_secret(tmp_path / "secret", lambda: next(made)) == FIRST


@pytest.mark.parametrize("left", ["", "\n", "the first"])
def test_a_secret_that_was_cut_off_is_none(tmp_path: Path, left: str) -> None:
    path = tmp_path / "secret"
    path.write_text(left)
    with pytest.raises(SecretRefused, match="secret holds no secret: remove it"):
        kept_secret(path, lambda: FIRST)
    assert path.read_text() == left


def test_of_two_that_make_a_secret_at_once_both_have_that_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def outrun() -> str:
        kept_secret(path, lambda: FIRST)
        return "second"

    assert kept_secret(path, outrun) == FIRST
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


def test_a_folder_that_is_missing_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    put_file(tmp_path / "a" / "key", b"one")
    put_file(tmp_path / "a" / "key", b"two")
    assert (tmp_path / "a" / "key").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
