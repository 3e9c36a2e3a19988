"""The settings' files: read with errors that name the line, replaced as a whole."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from couchgrass.docdb.config import Config
from couchgrass.docdb.http.settings_file import FILE_BYTES_MAX, SettingsFile, read_sections
from couchgrass.errors import CouchgrassError


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "local.ini"


def test_what_was_saved_is_loaded_over_what_the_operator_wrote(tmp_path: Path, own: Path) -> None:
    operators = tmp_path / "couchgrass.ini"
    operators.write_text("[log]\nlevel = none ; quiet\n[chttpd]\nport=80\n")
    files = SettingsFile(operators=operators, own=own)
    assert files.load() == Config(base={"log": {"level": "none"}, "chttpd": {"port": "80"}})
    changed = Config(overlay={"log": {"level": "debug"}, "jwt_keys": {"rsa:a=": "PEM"}})
    files.save(changed)
    assert files.load().overlay == changed.overlay
    assert operators.read_text().startswith("[log]\nlevel = none ;")


def test_nothing_written_yet_is_no_settings(own: Path) -> None:
    assert SettingsFile(operators=None, own=own).load() == Config()


def test_only_the_owner_can_read_the_servers_file(own: Path) -> None:
    own.write_text("")
    own.chmod(0o644)
    SettingsFile(operators=None, own=own).save(Config(overlay={"log": {"level": "debug"}}))
    assert own.stat().st_mode & 0o777 == 0o600


def test_only_what_is_to_be_persisted_is_written(own: Path) -> None:
    config = Config(base={"a": {"k": "1"}}, overlay={"b": {"k": "2"}}, volatile={"c": {"k": "3"}})
    SettingsFile(operators=None, own=own).save(config)
    assert read_sections(own) == {"b": {"k": "2"}}


def test_a_half_written_file_of_a_crash_is_in_nobodys_way(own: Path) -> None:
    files = SettingsFile(operators=None, own=own)
    files.save(Config(overlay={"log": {"level": "debug"}}))
    own.with_name("local.ini.new").write_text("[lo")
    assert files.load().overlay == {"log": {"level": "debug"}}
    files.save(Config(overlay={"log": {"level": "info"}}))
    assert files.load().overlay == {"log": {"level": "info"}}
    assert [path.name for path in own.parent.iterdir()] == ["local.ini"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[log]\nlevel = debug\nlevel\n", ":3: expected [section] or key = value"),
        ("level = debug\n", ":1: a setting stands before the first [section]"),
        ("\n\n[log\n", ":3: expected [section]"),
        ("[couchdb]\nmax_document_size = 8MB\n", ":2: Invalid configuration value for [couchdb]"),
    ],
)
def test_an_error_names_the_file_and_the_line(own: Path, text: str, message: str) -> None:
    own.write_text(text)
    with pytest.raises(CouchgrassError) as bad:
        SettingsFile(operators=None, own=own).load()
    assert bad.value.reason.startswith(f"{own}{message}")


def test_an_operators_file_that_is_not_there_is_an_error(tmp_path: Path, own: Path) -> None:
    files = SettingsFile(operators=tmp_path / "missing.ini", own=own)
    with pytest.raises(CouchgrassError, match=r"missing\.ini: No such file"):
        files.load()


@pytest.mark.parametrize("content", [b"\xff\xfe[s]", b";" * (FILE_BYTES_MAX + 1)])
def test_what_is_no_settings_file_is_refused(own: Path, content: bytes) -> None:
    own.write_bytes(content)
    with pytest.raises(CouchgrassError, match=r"local\.ini: "):
        SettingsFile(operators=None, own=own).load()


def test_of_a_key_that_is_there_twice_the_last_counts(own: Path) -> None:
    own.write_text("[s]\nk = 1\n[t]\nk = 2\n[s]\nk = 3\n")
    assert read_sections(own) == {"s": {"k": "3"}, "t": {"k": "2"}}


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """The kernel refuses every write to a file, as a full disk would."""
    former_action = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former_action)


def save_in_vain(files: SettingsFile, config: Config) -> CouchgrassError:
    with pytest.raises(CouchgrassError) as failed:
        files.save(config)
    return failed.value


def test_the_old_file_stays_when_the_new_one_cant_be_written(own: Path) -> None:
    files = SettingsFile(operators=None, own=own)
    files.save(Config(overlay={"log": {"level": "debug"}}))
    with no_file_may_grow():
        failure = save_in_vain(files, Config(overlay={"log": {"level": "info"}}))
    assert failure.reason.startswith("The settings were not saved")
    assert files.load().overlay == {"log": {"level": "debug"}}


def test_a_folder_that_is_gone_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    files = SettingsFile(operators=None, own=tmp_path / "gone" / "local.ini")
    assert save_in_vain(files, Config()).status == 500
