"""Manifests of tests: a text read and resolved, with code that is not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

from couchgrass.deploy import actions, deployment, manifest, resolve, wanted
from couchgrass.deploy.code import Packed
from couchgrass.deploy.deployment import Overlay
from couchgrass.deploy.refused import ManifestRefused
from couchgrass.deploy.runtimes import Runtimes
from couchgrass.deploy.scope import Scope
from couchgrass.functions.kinds import Kinds

MANIFEST = "manifest.yaml"
DEPLOYMENT = "deployment.yaml"
JS = "function main() { return {}; }"


def extension(path: str) -> str:
    """What a path's end says; without a dot it is a folder."""
    last = path.rpartition("/")[2]
    return last.rpartition(".")[2] if "." in last else "zip"


def app_of(
    text: str,
    env: Mapping[str, str] = {},
    *,
    over: str = "",
    params: Mapping[str, Any] = {},
    strict: bool = False,
) -> wanted.App:
    """The app of a manifest; `over` is the deployment file."""
    scope = Scope(env, source=MANIFEST, params=params, strict=strict)
    whole = manifest.parse(dedent(text), MANIFEST)
    overlay = Overlay({}, scope)
    if over:
        deployed = manifest.parse(dedent(over), DEPLOYMENT)
        overlay = deployment.overlay(deployed, whole, scope.of(DEPLOYMENT))
    found = {one.key: Packed(extension(one.function), JS) for one in actions.asked(whole, scope)}
    return resolve.resolve(whole, overlay, found, Runtimes(Kinds().info()), scope)


def refused(text: str, env: Mapping[str, str] = {}, **more: Any) -> str:
    """Why a manifest is refused."""
    with pytest.raises(ManifestRefused) as bad:
        app_of(text, env, **more)
    return bad.value.reason
