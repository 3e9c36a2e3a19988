"""The files that the settings live in.

The ``--config`` file belongs to the operator and is only read. The server's own file, ``local.ini`` in the
data folder, holds what was changed through the API, hashed passwords and the cookie secret. It is replaced as
a whole: written beside, synced, renamed over the old one, and the folder synced, so that after a crash there
is the old or the new one. Only its owner can read it. One process uses it at a time (the data folder's lock).
"""

from __future__ import annotations

import errno
from pathlib import Path

from couchgrass.docdb.config import Config, IniError, parse_ini, render_ini
from couchgrass.docdb.settings import Sections, check_value
from couchgrass.errors import BadRequest, CouchgrassError, StorageFull
from couchgrass.serving.files import replace_file

FILE_BYTES_MAX = 1 << 20
"""No settings file comes near it; it keeps a wrong path from being read into memory."""


class SettingsFile:
    """The two files of a server. `operators` may be None; `own` need not exist yet."""

    def __init__(self, *, operators: Path | None, own: Path) -> None:
        self._operators = operators
        self._own = own

    def load(self) -> Config:
        """Both files. Raises CouchgrassError naming the file, and the line if it is one line's fault."""
        base = read_sections(self._operators) if self._operators is not None else {}
        overlay = read_sections(self._own) if self._own.exists() else {}
        return Config(base=base, overlay=overlay)

    def save(self, config: Config) -> None:
        """Make `config.overlay` durable. StorageFull when there is no space; the old file stays then."""
        try:
            replace_file(self._own, render_ini(config.overlay).encode())
        except OSError as failure:
            if failure.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("The settings were not saved: no space left") from failure
            raise CouchgrassError(f"The settings were not saved: {failure.strerror}") from failure


def read_sections(path: Path) -> Sections:
    """The settings in the file at `path`; of a key that is there twice, the last."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise CouchgrassError(f"{path}: too large for a settings file", error="bad_settings_file")
        text = content.decode()
    except OSError as failure:
        raise CouchgrassError(f"{path}: {failure.strerror}", error="bad_settings_file") from failure
    except UnicodeDecodeError as bad:
        raise CouchgrassError(f"{path}: not UTF-8 text", error="bad_settings_file") from bad
    sections: dict[str, dict[str, str]] = {}
    line = 0
    try:
        for line, section, key, value in parse_ini(text):  # noqa: B007
            check_value(section, key, value)
            sections.setdefault(section, {})[key] = value
    except IniError as bad:
        raise CouchgrassError(f"{path}:{bad.line}: {bad.reason}", error="bad_settings_file") from bad
    except BadRequest as bad:
        raise CouchgrassError(f"{path}:{line}: {bad.reason}", error="bad_settings_file") from bad
    return sections
