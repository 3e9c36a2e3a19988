"""An app's folder as what it asks for: manifest, deployment file, code and APIs read from disk.

Nothing is written, nothing is run and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.deploy import actions, deployment, envfile, interpolate, manifest, resolve, wanted, yamltree
from couchgrass.deploy.deployment import Overlay
from couchgrass.deploy.envfile import EnvFile
from couchgrass.deploy.files.pack import packed
from couchgrass.deploy.manifest import Manifest
from couchgrass.deploy.refused import ManifestRefused
from couchgrass.deploy.runtimes import Listed, Runtimes
from couchgrass.deploy.scope import Scope
from couchgrass.errors import BadRequest
from couchgrass.functions.kinds import Kinds

MANIFESTS: Final = ("manifest.yaml", "manifest.yml")
DEPLOYMENTS: Final = ("deployment.yaml", "deployment.yml")
SWAGGER_BYTES_MAX: Final = 4 * 1024 * 1024


def load_app(
    folder: Path,
    env: Mapping[str, str],
    *,
    manifest: Path | None = None,
    deployment: Path | None = None,
    kinds: Listed | None = None,
    params: Mapping[str, Any] = {},
    strict: bool = False,
) -> wanted.App:
    """What the app in a folder asks for. `kinds` is `runtimes` of the host's ``GET /``; None: our own.

    `params` are inputs by name that go before all files. Raises ManifestRefused with the file and line.
    """
    files = _Files.of(folder, manifest, deployment)
    scope = Scope(env, source=files.whole.source, params=params, strict=strict)
    over = files.overlay(scope)
    base = files.manifest.parent
    found = {one.key: packed(one, base, scope) for one in actions.asked(files.whole, scope)}
    runtimes = Runtimes(Kinds().info() if kinds is None else kinds)
    app = resolve.resolve(files.whole, over, found, runtimes, scope)
    return msgspec.structs.replace(app, swaggers=_swaggers(files.whole, base, scope))


def variables(
    folder: Path, *, manifest: Path | None = None, deployment: Path | None = None
) -> frozenset[str]:
    """The names that an app's files may take from the environment. Raises ManifestRefused."""
    files = _Files.of(folder, manifest, deployment)
    found: set[str] = set()
    for whole in filter(None, (files.whole, files.deployed)):
        _collect(msgspec.to_builtins(whole), found)
        found.update(one.name for package in whole.packages for one in package.inputs)
    return frozenset(found)


def read_env(path: Path, outer: Mapping[str, str] = {}) -> EnvFile:
    """The env file at a path. Raises ManifestRefused."""
    return envfile.parse(_read(path, str(path), envfile.TEXT_BYTES_MAX), str(path), outer)


class _Files(msgspec.Struct, frozen=True):
    """The files of an app, parsed. `deployed` None: there is no deployment file."""

    manifest: Path
    whole: Manifest
    deployed: Manifest | None

    @classmethod
    def of(cls, folder: Path, given: Path | None, deployment: Path | None) -> _Files:
        path = given or _first(folder, MANIFESTS)
        if path is None:
            name = MANIFESTS[0]
            raise ManifestRefused("there is no such file", source=str(folder / name), line=0)
        over = deployment or _first(folder, DEPLOYMENTS)
        return cls(path, _parsed(path), None if over is None else _parsed(over))

    def overlay(self, scope: Scope) -> Overlay:
        if self.deployed is None:
            return Overlay({}, scope)
        return deployment.overlay(self.deployed, self.whole, scope.of(self.deployed.source))


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _parsed(path: Path) -> Manifest:
    source = str(path)
    return manifest.parse(_read(path, source, yamltree.TEXT_BYTES_MAX), source)


def _read(path: Path, source: str, most: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as bad:
        raise ManifestRefused(f"can't be read: {bad.strerror}", source=source, line=0) from None
    if len(content) > most:
        raise ManifestRefused(f"has more than {most // 1024} kB", source=source, line=0)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        raise ManifestRefused("is no text in UTF-8", source=source, line=line) from None


def _collect(value: Any, into: set[str]) -> None:
    """The variables in all texts of a value."""
    if isinstance(value, str):
        into.update(interpolate.names(value))
    elif isinstance(value, dict):
        for key, one in value.items():
            _collect(key, into)
            _collect(one, into)
    elif isinstance(value, list | tuple):
        for one in value:
            _collect(one, into)


def _swaggers(whole: Manifest, base: Path, scope: Scope) -> tuple[dict[str, Any], ...]:
    """The project's `config`: a Swagger document in JSON or YAML, relative to the manifest."""
    if not whole.config:
        return ()
    path, line = base / whole.config.text, whole.config.line
    if not path.is_file():
        raise scope.refusal(line, f"config: there is no {whole.config.text} beside the manifest")
    text = _read(path, str(path), SWAGGER_BYTES_MAX)
    if path.suffix in (".yaml", ".yml"):
        document = yamltree.plain(yamltree.parse(text, str(path)))
    else:
        try:
            document = json.decode(text)
        except BadRequest:
            raise ManifestRefused("is no JSON", source=str(path), line=1) from None
    if not isinstance(document, dict):
        raise ManifestRefused("is no Swagger document", source=str(path), line=1)
    missing = [key for key in ("swagger", "info", "basePath", "paths") if not document.get(key)]
    if missing or not str(document["basePath"]).startswith("/"):
        reason = f"has no {', '.join(missing)}" if missing else "its basePath must begin with a slash"
        raise ManifestRefused(reason, source=str(path), line=1)
    return (document,)
