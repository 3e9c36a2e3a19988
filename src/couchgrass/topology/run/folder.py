"""The folder of `couchgrass up`: its file and its app at the first start, the wires' ports, and the holds."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from couchgrass.drill.wires import Wires, WiresRefused, read_wires, wires_text, with_ports
from couchgrass.errors import CouchgrassError
from couchgrass.region.config import LOOPBACK, places_of
from couchgrass.serving.files import replace_file
from couchgrass.topology.config import Topology
from couchgrass.topology.generate import RESERVED, Asked, account_for, contradicted, generated, ports_for
from couchgrass.topology.holds import holds, read_hold
from couchgrass.topology.places import APPS, CONFIG, HOLDS, WIRES

EXAMPLE: Final = "todo"
"""The app that is there without asking for one; its account and its folder have this name."""

ALL_DATABASES: Final = ("*",)
EXAMPLE_DATABASES: Final = ("todos", *ALL_DATABASES)
"""The one that all share is made, and its links are proved, by the deploy. The others are those of people who
sign in, and of apps that come later."""

PAGES: Final = ("web/dist", "web")
"""Where the pages of an app are looked for, in its folder."""

MANIFESTS: Final = ("manifest.yaml", "manifest.yml")
ENV_FILE: Final = "local.env"


class Example(NamedTuple):
    """The app that is there without asking for one; `pages` None: they are not built."""

    app: Path
    pages: Path | None = None


class FolderRefused(CouchgrassError):
    """The folder, or what was asked for, can't be used; nothing was changed."""


def first_file(
    folder: Path, asked: Asked, *, example: Example, regions: Sequence[str], sign_in: bool = False
) -> None:
    """Writes the folder's file, last of all, with a copy of the example when no app was asked for. `sign_in`:
    the app's APIs want tokens.

    Raises FolderRefused, and NoPort."""
    if asked.port is not None and port_taken(LOOPBACK, asked.port):
        raise FolderRefused(
            f"port {asked.port} is taken: stop what listens there or name another with --port"
        )
    ports = ports_for(len(regions), lambda port: port_taken(LOOPBACK, port), balancer=asked.port)
    try:
        if asked.app is None:
            app, account = f"{APPS}/{EXAMPLE}", EXAMPLE
            _copy(example.app, folder / app)
            if example.pages is not None:
                _copy(example.pages, folder / app / PAGES[-1])
            pages = f"{app}/{PAGES[-1]}" if has_index(folder / app / PAGES[-1]) else ""
        else:
            whole = Path(asked.app)
            app = _short(asked.app, folder)
            account = account_for(whole.name)
            pages = _short(pages_of(whole), folder)
        text = generated(
            regions,
            ports,
            app=app,
            account=account,
            databases=ALL_DATABASES if asked.app else EXAMPLE_DATABASES,
            env_file=_short(env_file_of(asked), folder),
            pages=pages,
            sign_in=sign_in,
        )
        replace_file(folder / CONFIG, text.encode())
    except OSError as refused:
        raise FolderRefused(f"{refused.filename or folder} can't be written: {refused.strerror}") from refused


def env_file_of(asked: Asked) -> str:
    """The whole path of the env file that is asked for, or that is beside the app's manifest; "": none."""
    if asked.env_file is not None or asked.app is None:
        return asked.env_file or ""
    beside = Path(asked.app) / ENV_FILE
    return str(beside) if beside.is_file() else ""


def pages_of(app: Path) -> str:
    """The folder with the pages of an app: what is built there, or its web folder, unless that is the source
    of what is not built; "" where there is none."""
    for name in PAGES:
        found = app / name
        if has_index(found) and not (found / "package.json").exists():
            return str(found)
    return ""


def has_index(folder: Path) -> bool:
    """Whether it can be an app's pages."""
    return (folder / "index.html").is_file()


def _short(path: str, folder: Path) -> str:
    """From the folder on, for what is in it."""
    return str(Path(path).relative_to(folder)) if path and Path(path).is_relative_to(folder) else path


def check_options(folder: Path, topology: Topology, asked: Asked) -> None:
    """Raises FolderRefused when the command line says something else than the file, or when a region has a
    name that another process has here."""
    if taken := RESERVED.intersection(topology.names):
        raise FolderRefused(
            f"{folder / CONFIG}: no region can be called {min(taken)} here: something else is called so"
        )
    if wrong := contradicted(topology, asked):
        raise FolderRefused(
            f"{folder / CONFIG} is there already and says otherwise: {wrong}. Change the file, or leave the "
            "option out, or name another folder with --dir"
        )


def check_app(folder: Path) -> None:
    """Raises FolderRefused for a folder without a manifest."""
    if not folder.is_dir():
        raise FolderRefused(f"{folder} is not there: an app is a folder with a manifest.yaml")
    if not any((folder / name).is_file() for name in MANIFESTS):
        raise FolderRefused(f"{folder} has no manifest.yaml")


def check_ports(folder: Path, topology: Topology) -> None:
    """Raises FolderRefused when one of the file's ports is taken."""
    taken = [(key, port) for key, host, port in _listens(topology) if port_taken(host, port)]
    if taken:
        shown = ", ".join(f"{port} ({key})" for key, port in taken)
        which, other = (
            (f"port {shown} is", "another") if len(taken) == 1 else (f"ports {shown} are", "others")
        )
        raise FolderRefused(f"{which} taken: stop what listens there, or choose {other} in {folder / CONFIG}")


def _listens(topology: Topology) -> list[tuple[str, str, int]]:
    """(key, host, port) of all that the file names."""
    found = [
        (f"regions.{region.name}.{process}.port", host, port)
        for region in topology.regions
        for process, host, port in places_of(region)
    ]
    balancer = topology.balancer
    if balancer is not None:
        found.append(("balancer.port", balancer.host, balancer.port))
        found.append(("balancer.metrics_port", balancer.metrics_host, balancer.metrics_port))
    return [one for one in found if one[2]]


def ready_wires(folder: Path, topology: Topology, regions: Sequence[str]) -> Wires:
    """The wires between these regions, sound, each with a port that is free. Raises FolderRefused."""
    place = folder / WIRES
    try:
        known = read_wires(place.read_bytes(), str(place))
    except FileNotFoundError:
        known = Wires()
    except OSError as refused:
        raise FolderRefused(f"{place} can't be read: {refused.strerror}") from refused
    except WiresRefused as bad:
        raise FolderRefused(f"{bad.reason}. Remove the file; it is made again") from bad
    kept = [port for _, _, port in _listens(topology)]
    found = with_ports(known, regions, lambda port: port_taken(LOOPBACK, port), kept)
    try:
        replace_file(place, wires_text(found))
    except OSError as refused:
        raise FolderRefused(f"{place} can't be written: {refused.strerror}") from refused
    return found


def held(folder: Path, regions: Iterable[str], now: float) -> frozenset[str]:
    """The regions that must not be started now."""
    return frozenset(name for name in regions if _is_held(folder / HOLDS / name, now))


def _is_held(place: Path, now: float) -> bool:
    try:
        note = read_hold(place.read_bytes())
    except OSError:
        return False
    return holds(note, now, lives=note is not None and lives(note.pid))


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def port_taken(host: str, port: int) -> bool:
    """Whether somebody else has it now. An address that is not this machine's is the process's to refuse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen()
        except OSError as refused:
            return refused.errno == errno.EADDRINUSE
    return False


def _copy(source: Path, target: Path) -> None:
    """Wholly or not at all; one that is there stays as it is."""
    if target.exists():
        return
    beside = target.with_name(f"{target.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(source, beside, ignore=shutil.ignore_patterns("__pycache__"))
    beside.rename(target)
