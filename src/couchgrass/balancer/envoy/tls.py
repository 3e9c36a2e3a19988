"""The certificate that is served: read, checked, and read again when its files change."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from couchgrass.serving.listen import StartRefused
from couchgrass.topology.config import Tls


class Pair(msgspec.Struct, frozen=True):
    """A certificate with its chain and the key, as PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "<Pair>"


class Certificate:
    """The files of `[balancer.tls]`."""

    def __init__(self, tls: Tls) -> None:
        self._files = (Path(tls.certificate), Path(tls.key))
        self._seen: tuple[tuple[int, int, int], ...] = ()

    def changed(self) -> Pair | None:
        """The pair when the files are not those of the last call. Raises StartRefused when it can't be used;
        then it says so once for each change."""
        seen = tuple(_mark(file) for file in self._files)
        if seen == self._seen:
            return None
        self._seen = seen
        return read_pair(*self._files)


def read_pair(certificate: Path, key: Path) -> Pair:
    """Raises StartRefused, which never shows what is in the files."""
    texts = []
    for key_name, file in (("certificate", certificate), ("key", key)):
        try:
            texts.append(file.read_text(encoding="ascii"))
        except OSError as refused:
            raise StartRefused(
                f"{file}, the {key_name} of [balancer.tls], can't be read: {refused.strerror}"
            ) from refused
        except UnicodeDecodeError:
            raise StartRefused(f"{file}, the {key_name} of [balancer.tls], is no PEM") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as bad:
        why = getattr(bad, "reason", None) or bad
        raise StartRefused(f"{certificate} and {key} are no certificate and its key: {why}") from None
    return Pair(*texts)


def _no_password() -> str:
    raise ValueError("the key has a password; a balancer that starts by itself can't ask for it")


def _mark(file: Path) -> tuple[int, int, int]:
    try:
        stat = file.stat()
    except OSError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
