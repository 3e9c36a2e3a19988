"""The actions of ``/whisk.system/utils``: small steps between others. Each function is one action."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Any

Args = dict[str, Any]


def echo(args: Args) -> Args:
    """Gives back what it was given."""
    return args


def cat(args: Args) -> Args:
    """The lines, and beside them one text of them all."""
    lines = args.get("lines") or []
    return {"lines": lines, "payload": "\n".join(_text(line) for line in lines)}


def sort(args: Args) -> Args:
    """The lines in the order of their texts, as JavaScript sorts what it is told nothing about."""
    lines = sorted(args.get("lines") or [], key=lambda line: _text(line).encode("utf-16-be", "surrogatepass"))
    return {"lines": lines, "length": len(lines)}


def head(args: Args) -> Args:
    """The first `num` lines; one when that is not told."""
    count = args.get("num") or 1
    return {"lines": (args.get("lines") or [])[: int(count)], "num": count}


def split(args: Args) -> Args:
    """The pieces of `payload` between `separator`, a regular expression; lines when that is not told."""
    payload = args.get("payload")
    text = "" if payload is None else _text(payload)
    separator = args.get("separator") or r"\r?\n"
    return {"lines": re.split(separator, text), "payload": text}


def smash(args: Args) -> Args:
    """All that it was given inside of one member, named by `$fieldName`."""
    parent = args.get("$fieldName")
    if not isinstance(parent, str):
        return {"error": "Expected an argument '$fieldName' of type 'string'."}
    return {parent: {key: value for key, value in args.items() if key != "$fieldName"}}


def date(_args: Args) -> Args:
    """What time it is."""
    return {"date": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def namespace(_args: Args) -> Args:
    """For which namespace it runs."""
    return {"namespace": os.environ.get("__OW_NAMESPACE", "")}


def hosturl(args: Args) -> Args:
    """The URL under which an action or a trigger of this namespace is reached."""
    path, is_web, is_trigger = args.get("path") or "", args.get("web") is True, bool(args.get("trigger"))
    extension = args.get("ext") or ".json"
    if is_web and is_trigger:
        return {"error": "triggers are not allowed for web actions."}
    if is_web and extension not in (".json", ".text", ".html", ".http"):
        return {"error": 'extension for web action must be one of [".json", ".text", ".html", ".http"].'}
    if is_trigger and "/" in path:
        return {"error": "triggers are not allowed in packages."}
    host, owner = os.environ.get("__OW_API_HOST", ""), os.environ.get("__OW_NAMESPACE", "")
    if is_web:
        base = f"{host}/api/v1/web/{owner}"
        return {"url": f"{base}/{path if '/' in path else 'default/' + path}{extension}" if path else base}
    base = f"{host}/api/v1/namespaces/{owner}/{'triggers' if is_trigger else 'actions'}"
    return {"url": f"{base}/{path}" if path else base}


def _text(value: Any) -> str:
    """A value as JavaScript would write it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
