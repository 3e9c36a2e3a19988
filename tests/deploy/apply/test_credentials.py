"""The file of credentials: its owner's alone, never shown, written by several at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from couchgrass.clock import SystemClock
from couchgrass.deploy.apply.credentials import (
    Account,
    Credentials,
    NamespaceKey,
    SignIn,
    account_of_file,
    keep,
    key_of_file,
    new_account,
    new_key,
    new_sign_in,
    read_credentials,
)
from couchgrass.errors import CouchgrassError


def some(name: str = "guest") -> Credentials:
    return Credentials(
        {name: new_key(name, SystemClock())}, {name: new_account(name)}, {name: new_sign_in("")}
    )


def test_what_is_kept_is_read_back_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "credentials.json"
    assert read_credentials(file) == Credentials()
    made = some()
    assert keep(file, made) == made == read_credentials(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for secret in (made, made.namespaces["guest"], made.accounts["guest"], made.tenants["guest"]):
        assert made.accounts["guest"].password not in repr(secret)
        assert made.namespaces["guest"].key not in repr(secret)


def test_what_is_in_the_file_counts_and_two_at_once_agree(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = keep(file, some())
    assert keep(file, some()) == first
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: keep(file, some(f"n{number % 3}")), range(24)))
    whole = read_credentials(file)
    assert set(whole.namespaces) == {"guest", "n0", "n1", "n2"}
    assert whole.namespaces["guest"] == first.namespaces["guest"]


@pytest.mark.parametrize("text", ["{", "[]", '{"namespaces": {"a": {"uuid": 1}}}'])
def test_a_file_of_another_form_is_refused_without_its_text(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(text)
    with pytest.raises(CouchgrassError, match="is not a file of credentials") as refused:
        read_credentials(file)
    assert refused.value.__cause__ is None


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CouchgrassError, match="can't be written"):
        keep(tmp_path / "file" / "credentials.json", some())


def test_files_of_other_commands_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    assert key_of_file(file) is None and account_of_file(file) is None
    file.write_text('{"name": "guest", "apikey": "u:s", "uuid": "u"}')
    assert key_of_file(file) == NamespaceKey("u", "u:s")
    file.write_text("u:s\n")
    assert key_of_file(file) == NamespaceKey("u", "u:s")
    file.write_text('{"name": "no key"}')
    assert key_of_file(file) is None
    file.write_text('{"username": "a", "password": "p", "host": "h"}')
    assert account_of_file(file) == Account("a", "p")


def test_a_tenant_has_the_id_that_is_asked_for() -> None:
    assert new_sign_in("mine").tenant_id == "mine"
    assert isinstance(new_sign_in(""), SignIn) and new_sign_in("").tenant_id != new_sign_in("").tenant_id
