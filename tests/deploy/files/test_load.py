"""An app's folder as what it asks for; the todo app of examples/ among them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path

import pytest

from couchgrass.deploy.files.load import load_app, read_env, variables
from couchgrass.deploy.refused import ManifestRefused

EXAMPLES = Path(__file__).parents[3] / "examples" / "todo"
ENV = {"CLOUDANT_USERNAME": "todo", "CLOUDANT_PASSWORD": "hunter2", "CLOUDANT_URL": "http://127.0.0.1:5984"}
SWAGGER = {"swagger": "2.0", "info": {"title": "x"}, "basePath": "/v1", "paths": {"/a": {}}}


def write(folder: Path, **files: str) -> Path:
    """`manifest` is manifest.yaml, and so on."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def reason(folder: Path, **more: Path) -> str:
    with pytest.raises(ManifestRefused) as bad:
        load_app(folder, {}, manifest=more.get("manifest"))
    return bad.value.reason.replace(str(folder), "APP")


@pytest.mark.parametrize(("language", "kind"), [("python", "python:3"), ("nodejs", "nodejs:8")])
def test_the_todo_app_is_read(language: str, kind: str) -> None:
    app = load_app(EXAMPLES / language, ENV, strict=True)
    assert [one.name for one in app.actions] == [
        f"todo_package/{verb}_todo" for verb in ("get", "post", "patch", "delete")
    ]
    assert {one.exec.kind for one in app.actions} == {kind}
    parameters = app.packages[0].parameters
    assert (parameters["username"], parameters["password"], parameters["base_path"]) == (
        "todo",
        "hunter2",
        "/v1/todo",
    )
    assert app.packages[0].version == "1.0.0"
    assert [(one.verb, one.base + one.path, one.action, one.response) for one in app.routes] == [
        (verb, "/v1/todo", f"todo_package/{verb.lower()}_todo", "http")
        for verb in ("GET", "POST", "PATCH", "DELETE")
    ]
    assert app.warnings == ()
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(app.actions[0].exec.code))) as archive:
        names = archive.namelist()
    assert any(name.startswith("common/todos.") for name in names)


def test_what_an_app_may_take_from_the_environment_is_told() -> None:
    found = variables(EXAMPLES / "nodejs")
    assert {"CLOUDANT_USERNAME", "CLOUDANT_PASSWORD"} <= found
    assert "CLOUDANT_URL" not in found


def test_variables_are_found_in_names_and_in_the_deployment_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        manifest="packages: {$P: {inputs: {KEY: string}, triggers: {'${T}x': {inputs: {a: {b: [$L]}}}}}}",
        deployment="packages: {$P: {inputs: {x: '$D'}}}",
    )
    assert variables(tmp_path) == {"P", "KEY", "T", "L", "D", "x"}


def test_loading_twice_gives_the_same(tmp_path: Path) -> None:
    assert load_app(EXAMPLES / "python", ENV) == load_app(EXAMPLES / "python", ENV)


def test_a_deployment_file_beside_the_manifest_counts(tmp_path: Path) -> None:
    write(tmp_path, manifest="packages: {a: {inputs: {x: 1}}}", deployment="packages: {a: {inputs: {x: 2}}}")
    assert load_app(tmp_path, {}).packages[0].parameters == {"x": 2}
    assert load_app(tmp_path, {}, params={"x": 3}).packages[0].parameters == {"x": 3}


def test_files_may_be_elsewhere_and_code_is_beside_the_manifest(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    write(
        below,
        mine="packages: {a: {actions: {b: {function: b.js}}}}",
        over="packages: {a: {actions: {b: {inputs: {x: 1}}}}}",
    )
    (below / "b.js").write_text("main")
    app = load_app(tmp_path, {}, manifest=below / "mine.yaml", deployment=below / "over.yaml")
    assert app.actions[0].exec.code == "main"
    assert app.actions[0].parameters == {"x": 1}


def test_a_manifest_may_end_with_yml(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text("packages: {a: {}}")
    assert load_app(tmp_path, {}).packages[0].name == "a"


def test_the_hosts_kinds_count(tmp_path: Path) -> None:
    write(tmp_path, manifest="packages: {a: {actions: {b: {function: b.rb}}}}")
    (tmp_path / "b.rb").write_text("def main; end")
    kinds = {"ruby": [{"kind": "ruby:2.5", "default": True, "deprecated": False}]}
    assert load_app(tmp_path, {}, kinds=kinds).actions[0].exec.kind == "ruby:2.5"
    assert reason(tmp_path).endswith("there is none for files .rb")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("packages: [", "APP/manifest.yaml:1: no YAML"),
        (
            "packages:\n  a:\n    action: {}\n",
            "APP/manifest.yaml:3: there is no key action in a; did you mean actions?",
        ),
        (
            "packages:\n  a:\n    actions:\n      b: {function: b.js}\n",
            "APP/manifest.yaml:4: b: there is no b.js beside the manifest",
        ),
        (
            "project: {config: api.json}",
            "APP/manifest.yaml:1: config: there is no api.json beside the manifest",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    assert reason(write(tmp_path, manifest=text)).startswith(told)


def test_files_that_can_not_be_read_are_told(tmp_path: Path) -> None:
    assert reason(tmp_path) == "APP/manifest.yaml: there is no such file"
    assert (
        reason(tmp_path, manifest=tmp_path / "x.yaml")
        == "APP/x.yaml: can't be read: No such file or directory"
    )
    assert reason(tmp_path, manifest=tmp_path) == "APP: can't be read: Is a directory"
    (tmp_path / "manifest.yaml").write_bytes(b"packages:\n  a: \xff\n")
    assert reason(tmp_path) == "APP/manifest.yaml:2: is no text in UTF-8"
    (tmp_path / "manifest.yaml").write_bytes(b"#" * 600_000)
    assert reason(tmp_path) == "APP/manifest.yaml: has more than 512 kB"


@pytest.mark.parametrize("name", ["api.json", "api.yaml"])
def test_a_projects_config_is_a_swagger_document(tmp_path: Path, name: str) -> None:
    write(tmp_path, manifest=f"project: {{config: {name}}}")
    (tmp_path / name).write_text(json.dumps(SWAGGER))
    assert load_app(tmp_path, {}).swaggers == (SWAGGER,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "APP/api.json:1: is no JSON"),
        ("[]", "APP/api.json:1: is no Swagger document"),
        ('{"swagger": "2.0"}', "APP/api.json:1: has no info, basePath, paths"),
        (json.dumps({**SWAGGER, "basePath": "v1"}), "APP/api.json:1: its basePath must begin with a slash"),
    ],
)
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, manifest="project: {config: api.json}")
    (tmp_path / "api.json").write_text(text)
    assert reason(tmp_path) == told


def test_an_env_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "local.env"
    path.write_text("A=1\n")
    assert read_env(path).values == {"A": "1"}
    with pytest.raises(ManifestRefused, match=r"nope\.env: can't be read: No such file"):
        read_env(tmp_path / "nope.env")


def test_no_error_and_no_repr_of_code_shows_a_secret(tmp_path: Path) -> None:
    write(tmp_path, manifest="packages: {a: {actions: {b: {function: b.py}}}}")
    (tmp_path / "b.py").write_text("PASSWORD = 'hunter2'")
    assert "hunter2" not in repr(load_app(tmp_path, {}))
