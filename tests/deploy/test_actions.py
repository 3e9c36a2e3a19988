"""Actions: their code, kind, limits and web annotations."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from couchgrass.deploy import actions, wanted
from couchgrass.deploy.code import Packed
from couchgrass.deploy.manifest import parse
from couchgrass.deploy.refused import ManifestRefused
from couchgrass.deploy.runtimes import Runtimes
from couchgrass.deploy.scope import Scope
from couchgrass.functions.kinds import Kinds
from tests.deploy.reading import JS, app_of, refused

WEB = {"web-export": True, "raw-http": False, "final": True}
RAW = {"web-export": True, "raw-http": True, "final": True}
NOT_WEB = {"web-export": False, "raw-http": False, "final": False}


def text(given: str) -> str:
    return "packages:\n  a:\n    actions:\n      b:\n" + "".join(
        f"        {line}\n" for line in given.split("\n")
    )


def action(given: str, env: Mapping[str, str] = {}, **more: Any) -> wanted.Action:
    (found,) = app_of(text(given), env, **more).actions
    return found


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("function: src/b.js", "nodejs:20"),
        ("function: src/b.py", "python:3"),
        ("location: src/b.js", "nodejs:20"),
        ("function: src/b.js\nruntime: nodejs:8", "nodejs:8"),
        ("function: src/b.js\nruntime: NODEJS:8", "nodejs:8"),
        ("function: src/b.js\nruntime: nodejs:default", "nodejs:20"),
        ("function: src/b\nruntime: python:3.11", "python:3.11"),
        ("function: src/b.zip\nruntime: nodejs:18", "nodejs:18"),
        ("function: src/b.mjs\nruntime: nodejs:22", "nodejs:22"),
        ("code: |\n  x = 1\nruntime: python:3.9", "python:3.9"),
        ("code: x\nruntime: nodejs", "nodejs:20"),
        ("docker: me/image", "blackbox"),
        ("native: true\nfunction: src/b.zip", "blackbox"),
        ("native: true", "blackbox"),
        ("docker: me/image\nfunction: src/b.weird", "blackbox"),
    ],
)
def test_an_action_has_the_kind_that_it_asks_for_or_that_its_file_says(given: str, kind: str) -> None:
    assert action(given).exec.kind == kind


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (
            "function: b.js\nruntime: nodejs:4",
            "nodejs:20",
            "b: nodejs:4 is not among the runtimes of the host",
        ),
        (
            "function: b.py\nruntime: nodejs:8",
            "python:3",
            "b: nodejs:8 does not fit a file .py: python:3 is taken",
        ),
    ],
)
def test_a_runtime_that_does_not_fit_is_told_and_with_strictness_refused(
    given: str, kind: str, told: str
) -> None:
    app = app_of(text(given))
    assert app.actions[0].exec.kind == kind
    assert app.warnings[0].startswith(f"manifest.yaml:6: {told}")
    assert refused(text(given), strict=True).startswith(f"manifest.yaml:6: {told}")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("function: src/b", "manifest.yaml:4: b: a folder or an archive needs a runtime"),
        (
            "function: src/b\nruntime: nodejs:4",
            "manifest.yaml:6: b: the host has no runtime nodejs:4; there are nodejs:6",
        ),
        ("code: x", "manifest.yaml:5: b: code needs a runtime beside it"),
        ("code: x\nruntime: nope", "manifest.yaml:6: b: the host has no runtime nope"),
        ("code: x\nfunction: b.js\nruntime: nodejs", "manifest.yaml:5: b: has code and a function"),
        ("function: b.rb", "manifest.yaml:4: b: name a runtime: there is none for files .rb"),
        ("function: b.txt", "manifest.yaml:4: b: name a runtime: there is none for files .txt"),
        ("runtime: nodejs:20", "manifest.yaml:4: b: has no function, no code and no image"),
        (
            "function: https://example.org/b.js",
            "manifest.yaml:5: b: its function is at a URL, and nothing is downloaded",
        ),
        ("function: $NOT", "manifest.yaml:5: b: its function is empty"),
        ("function: b.js\nversion: one", "manifest.yaml:6: version must be numbers: 1.0.0"),
    ],
)
def test_an_action_that_could_not_run_is_refused(given: str, told: str) -> None:
    assert refused(text(given)).startswith(told)


def test_code_function_and_image_are_taken() -> None:
    assert action("code: |\n  x = 1\n  y = 2\nruntime: python:3\nmain: run").exec.code == "x = 1\ny = 2\n"
    assert action("code: x\nruntime: python:3\nmain: run").exec.main == "run"
    assert action("docker: $IMAGE", {"IMAGE": "me/one:2"}).exec.image == "me/one:2"
    assert action("native: true\nfunction: b.zip").exec.image == "openwhisk/dockerskeleton"
    assert action("function: $FILE", {"FILE": "b.py"}).exec.kind == "python:3"
    assert action("function: b.js").exec.code == JS


def test_an_old_name_is_told() -> None:
    assert app_of(text("location: b.js")).warnings == (
        "manifest.yaml:5: location is an old name: write function",
    )


def test_code_over_the_limit_is_refused() -> None:
    whole = parse(text("function: src/b\nruntime: nodejs:20"), "m.yaml")
    scope, runtimes = Scope({}, source="m.yaml"), Runtimes(Kinds().info())
    huge = Packed("zip", base64.b64encode(bytes(36 * 1024 * 1024)).decode() + "AAAA")
    with pytest.raises(ManifestRefused, match=r"m\.yaml:4: b: its code is over the 48 MB that can be sent"):
        actions.executable(whole.packages[0].actions[0], huge, runtimes, scope)


def test_a_file_without_code_is_refused() -> None:
    whole = parse(text("function: b.js"), "m.yaml")
    with pytest.raises(ManifestRefused, match=r"m\.yaml:4: b: its function is empty"):
        actions.executable(
            whole.packages[0].actions[0],
            Packed("js", ""),
            Runtimes(Kinds().info()),
            Scope({}, source="m.yaml"),
        )


@pytest.mark.parametrize(
    ("given", "annotations"),
    [
        ("web: true", WEB),
        ("web: YES", WEB),
        ("web-export: yes", WEB),
        ("web: raw", RAW),
        ("web-export: raw\nweb: false", NOT_WEB),
        ("web: no", NOT_WEB),
        ("version: 1", {}),
        ("annotations: {web-export: true, x: 1}", {"web-export": True, "x": 1}),
        ("annotations: {web-export: false, x: 1}\nweb: true", {"x": 1, **WEB}),
        ("conductor: true", {"conductor": True}),
        ("annotations: {require-whisk-auth: secret}", {"require-whisk-auth": "secret"}),
        ("annotations: {a: $X, b: {c: $X}}", {"a": "one", "b": {"c": "$X"}}),
    ],
)
def test_annotations_are_those_written_with_those_of_web(given: str, annotations: dict[str, Any]) -> None:
    found = action(f"function: b.js\n{given}", {"X": "one"}).annotations
    assert found == annotations


def test_web_export_beside_web_is_told() -> None:
    warnings = app_of(text("function: b.js\nweb-export: raw\nweb: true")).warnings
    assert warnings == ("manifest.yaml:6: b: web-export has no effect beside web",)


@pytest.mark.parametrize("value", ["on", "maybe", "1"])
def test_web_that_is_neither_is_refused(value: str) -> None:
    told = refused(text(f"function: b.js\nweb: {value}"))
    assert told == "manifest.yaml:6: b: web must be true, false, yes, no or raw"


@pytest.mark.parametrize("value", ["''", "0", "-1", "1.5", "9007199254740991", "[]", ""])
def test_a_key_that_nobody_can_send_is_refused(value: str) -> None:
    told = refused(text(f"function: b.js\nannotations: {{require-whisk-auth: {value}}}"))
    assert told.startswith("manifest.yaml:4: b: require-whisk-auth must be true, false, a text or a number")


def test_limits_have_openwhisks_names() -> None:
    found = action("function: b.js\nlimits: {timeout: 100, memorySize: 2048, logSize: 0}")
    assert found.limits == {"timeout": 100, "memory": 2048, "logs": 0}
    assert action("function: b.js\nlimits: {timeout: }").limits == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("timeout: 99", "timeout must be 100 to 600000 ms"),
        ("timeout: 600001", "timeout must be 100 to 600000 ms"),
        ("memorySize: 64", "memorySize must be 128 to 2048 MB"),
        ("logSize: 11", "logSize must be 0 to 10 MB"),
    ],
)
def test_a_limit_out_of_range_is_refused(given: str, told: str) -> None:
    assert refused(text(f"function: b.js\nlimits:\n  {given}")) == f"manifest.yaml:7: {told}"


def test_limits_of_the_host_are_told() -> None:
    app = app_of(text("function: b.js\nlimits:\n  codeSize: 1\n  timeout: 1000"))
    assert app.actions[0].limits == {"timeout": 1000}
    assert app.warnings == (
        "manifest.yaml:7: codeSize is a limit of the host: it can't be set for an action",
    )


def test_what_is_for_folders_is_told_of_code() -> None:
    assert app_of(text("code: x\nruntime: nodejs\nexclude: [a]")).warnings == (
        "manifest.yaml:4: b: include and exclude are for folders",
    )
