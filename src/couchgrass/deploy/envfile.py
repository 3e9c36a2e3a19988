"""An env file, `local.env`: variables for a manifest, and switches of the deployment, as a shell reads it.

Pure. Lines are `NAME=VALUE`, with `export` in front or not, with quotes and comments as in sh. What would run
something is refused, and so is what a shell would take for two words. `$NAME` stands for what is set further
up, or around the file. No error shows a value.

The keys that are known are those of the reference apps of IBM Cloud Functions, whose `deploy.sh` read such a
file. Those that were for IBM Cloud alone are taken and have no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from couchgrass.deploy.refused import ManifestRefused, meant

TEXT_BYTES_MAX: Final = 256 * 1024

PROVISION: Final = "PROVISION_INFRASTRUCTURE"
USE_APPID: Final = "API_USE_APPID"
TENANT: Final = "API_APPID_TENANTID"
USERNAME: Final = "CLOUDANT_USERNAME"
PASSWORD: Final = "CLOUDANT_PASSWORD"  # noqa: S105 - the name of a variable
URL: Final = "CLOUDANT_URL"


class Use(StrEnum):
    """What a known key is for: a switch of the deployment, a variable for the manifest, or nothing here."""

    SWITCH = "switch"
    VARIABLE = "variable"
    NONE = "none"


class Known(msgspec.Struct, frozen=True):
    """A key of the reference apps. `meaning` is for people."""

    use: Use
    meaning: str


_CLOUD: Final = Known(Use.NONE, "of IBM Cloud alone: taken and without effect")

KNOWN: Final[Mapping[str, Known]] = {
    PROVISION: Known(
        Use.SWITCH,
        "true (default): each region gets a database account for the app; false: the account of this file "
        "is there already",
    ),
    USE_APPID: Known(Use.SWITCH, "true: the APIs ask for a token of the sign-in service; default false"),
    TENANT: Known(Use.SWITCH, "the sign-in tenant, when API_USE_APPID is true and it is there already"),
    USERNAME: Known(Use.VARIABLE, "the app's database account; made when PROVISION_INFRASTRUCTURE is true"),
    PASSWORD: Known(Use.VARIABLE, "its password"),
    URL: Known(Use.VARIABLE, "where its database is; each region's own when it is not given"),
    "BLUEMIX_REGION": Known(Use.NONE, "regions are those of couchgrass.toml: without effect"),
    "BM_REGION": Known(Use.NONE, "regions are those of couchgrass.toml: without effect"),
    "IBMCLOUD_REGION": Known(Use.NONE, "regions are those of couchgrass.toml: without effect"),
    "IBMCLOUD_API_KEY": _CLOUD,
    "IBMCLOUD_ORG": _CLOUD,
    "IBMCLOUD_SPACE": _CLOUD,
    "IBMCLOUD_RESOURCE_GROUP": _CLOUD,
    "IBMCLOUD_APPID_PLAN": _CLOUD,
    "IBMCLOUD_CLOUDANT_PLAN": _CLOUD,
    "SL_USERNAME": _CLOUD,
    "SL_API_KEY": _CLOUD,
}

_PREFIXES: Final = ("TF_VAR_",)
"""Of variables for Terraform: as those of IBM Cloud."""

_LINE: Final = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_PIECE: Final = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?P<plain>[^\s'"\\]+)""", re.DOTALL
)
_ESCAPE: Final = re.compile(r"""\\([$`"\\])""")
_EXPANDED: Final = re.compile(r"(?<!\\)\$(?:\{(?P<braced>\w+)\}|(?P<bare>[A-Za-z_]\w*))")
_RUNS: Final = re.compile(r"(?<!\\)`|(?<!\\)\$\(")
_OPERATORS: Final = re.compile(r"[;&|<>()]")


class EnvFile(msgspec.Struct, frozen=True):
    """What a file sets, the last of a key counting. `lines` are for errors."""

    source: str = ""
    values: Mapping[str, str] = {}
    lines: Mapping[str, int] = {}

    def __repr__(self) -> str:
        return f"EnvFile({self.source!r}, {sorted(self.values)})"


class Switches(msgspec.Struct, frozen=True):
    """What a file says about the deployment. `tenant` is "" when one is to be made."""

    provision: bool = True
    sign_in: bool = False
    tenant: str = ""


def parse(text: str, source: str, outer: Mapping[str, str] = {}) -> EnvFile:
    """The file of a text; `outer` is the environment around it. Raises ManifestRefused with the line."""
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        raise ManifestRefused(f"has more than {TEXT_BYTES_MAX // 1024} kB", source=source, line=1)
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            raise ManifestRefused(_malformed(stripped), source=source, line=number)
        try:
            values[found["name"]] = _value(found["value"], {**outer, **values})
        except ValueError as bad:
            raise ManifestRefused(f"{found['name']}: {bad}", source=source, line=number) from None
        lines[found["name"]] = number
    return EnvFile(source, values, lines)


def _malformed(line: str) -> str:
    if re.match(r"(export\s+)?\w+\s+=|(export\s+)?\w+\s*=\s+\S", line):
        return "there must be no space around ="
    return "must be NAME=VALUE, with a name of letters, digits and _"


def _value(text: str, known: Mapping[str, str]) -> str:
    """The value that a shell gives the word. Raises ValueError."""
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            rest = text[at:].lstrip()
            if rest and not rest.startswith("#"):
                raise ValueError("a value with spaces must stand in quotes")
            break
        piece = _PIECE.match(text, at)
        if piece is None:
            raise ValueError("a quote is not closed in its line")
        found.append(_piece(piece, known))
        at = piece.end()
    return "".join(found)


def _piece(piece: re.Match[str], known: Mapping[str, str]) -> str:
    if piece["single"] is not None:
        return piece["single"]
    if piece["escaped"] is not None:
        return piece["escaped"]
    if piece["double"] is not None:
        return _expanded(piece["double"], known)
    if _OPERATORS.search(piece["plain"]):
        raise ValueError("a value with ; & | < > ( or ) must stand in quotes")
    return _expanded(piece["plain"], known)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    if _RUNS.search(text):
        raise ValueError("nothing is run here: put ` and $( into single quotes")
    found: list[str] = []
    end = 0
    for one in _EXPANDED.finditer(text):
        name = one["braced"] or one["bare"]
        if name not in known:
            raise ValueError(f"${name} is not set further up: put a $ that is meant into single quotes")
        found += [_ESCAPE.sub(r"\1", text[end : one.start()]), known[name]]
        end = one.end()
    return "".join([*found, _ESCAPE.sub(r"\1", text[end:])])


def switches(file: EnvFile) -> Switches:
    """What it says about the deployment. Raises ManifestRefused for what contradicts itself."""
    provision = _switch(file, PROVISION, default=True)
    sign_in = _switch(file, USE_APPID, default=False)
    missing = [key for key in (USERNAME, PASSWORD) if not file.values.get(key)]
    if not provision and missing:
        reason = f"{PROVISION} is false, so {' and '.join(missing)} must be set"
        raise ManifestRefused(reason, source=file.source, line=file.lines[PROVISION])
    return Switches(provision, sign_in, file.values.get(TENANT, "") if sign_in else "")


def _switch(file: EnvFile, key: str, *, default: bool) -> bool:
    value = file.values.get(key, "").lower()
    if value in ("true", "false"):
        return value == "true"
    if value:
        reason = f"{key} must be true or false"
        raise ManifestRefused(reason, source=file.source, line=file.lines[key])
    return default


def unknown(file: EnvFile, used: Iterable[str]) -> tuple[str, ...]:
    """A warning for each key that neither we nor the manifest know. `used`: what the manifest asks for."""
    names = frozenset(used)
    return tuple(
        f"{file.source}:{line}: {key} is not used{_near(key, names)}"
        for key, line in file.lines.items()
        if key not in KNOWN and key not in names and not key.startswith(_PREFIXES)
    )


def _near(key: str, names: frozenset[str]) -> str:
    told = meant(key, [*KNOWN, *sorted(names)])
    return told if "did you mean" in told else ""
