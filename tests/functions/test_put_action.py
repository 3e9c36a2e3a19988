"""PUT of an action: what becomes of a body."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, CouchgrassError, TooLarge
from couchgrass.functions import put_action
from couchgrass.functions.entity import Action, Exec, Limits, Parameter
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SYSTEM_LIMITS
from couchgrass.functions.names import FullName
from tests.functions.test_bodies import json_values

KINDS = Kinds(images={"me/ruby": "http://r"})
NAME = FullName("ns", "pkg", "act")
SOURCE = "def main(args): return args"


def read(body: Any) -> put_action.ActionPut:
    return put_action.read(body, namespace="ns", kinds=KINDS, system=SYSTEM_LIMITS)


def created(body: Any) -> Action:
    return put_action.created(read(body), NAME, now_ms=7)


def updated(action: Action, body: Any) -> Action:
    return put_action.updated(read(body), action, now_ms=8)


def python(**more: Any) -> dict[str, Any]:
    return {"exec": {"kind": "python:3", "code": SOURCE}, **more}


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def test_a_new_action_has_the_defaults_and_says_its_kind() -> None:
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()
    assert created(python()) == Action(
        "ns",
        "pkg",
        "act",
        Exec("python:3", digest=digest, size=len(SOURCE)),
        annotations={"provide-api-key": False, "exec": "python:3"},
        updated=7,
    )


def test_what_a_body_says_of_the_api_key_counts_and_what_it_says_of_exec_does_not() -> None:
    found = created(python(annotations=rows(**{"provide-api-key": True, "exec": "mine", "a": 1})))
    assert found.annotations == {"provide-api-key": True, "exec": "python:3", "a": 1}


def test_a_default_kind_is_stored_resolved_and_base64_is_binary() -> None:
    archive = base64.b64encode(b"PK zip").decode()
    found = read({"exec": {"kind": "NODEJS:default", "code": archive, "main": "run", "binary": False}})
    assert found.exec is not None and found.code == archive.encode()
    assert (found.exec.kind, found.exec.binary, found.exec.main) == ("nodejs:20", True, "run")


def test_an_update_merges_annotations_and_limits_and_replaces_parameters() -> None:
    was = created(
        python(
            annotations=rows(a=1, b=2, c=3),
            parameters=rows(x=1, y=2),
            limits={"memory": 512, "timeout": 1000},
            version="1.0",
            publish=True,
        )
    )
    now = updated(
        was,
        {
            "annotations": rows(b=3, c=4),
            "delAnnotations": ["a", "c", "nothing"],
            "parameters": rows(z=1),
            "limits": {"timeout": 2000},
        },
    )
    assert now.annotations == {"provide-api-key": False, "exec": "python:3", "b": 3, "c": 4}
    assert now.parameters == (Parameter("z", 1),)
    assert now.limits == Limits(timeout=2000, memory=512)
    assert (now.version, now.publish, now.exec, now.updated) == ("1.0.1", True, was.exec, 8)


def test_an_update_with_nothing_in_it_only_moves_the_version() -> None:
    was = created(python(parameters=rows(x=1), publish=True))
    now = updated(was, {})
    assert (now.version, now.parameters, now.publish) == ("0.0.2", was.parameters, True)
    assert now.annotations == was.annotations


def test_an_old_action_gets_no_word_about_the_api_key_by_an_update() -> None:
    was = Action("ns", "", "act", Exec("nodejs:6"), annotations={"exec": "nodejs:6"})
    assert updated(was, python()).annotations == {"exec": "python:3"}


def test_a_sequence_keeps_its_components_as_its_only_parameter() -> None:
    body = {"exec": {"kind": "sequence", "components": ["/_/a", "/other/p/b", {"path": "_/p", "name": "c"}]}}
    found = created({**body, "parameters": rows(x=1)})
    components = ("/ns/a", "/other/p/b", "/ns/p/c")
    assert found.exec == Exec("sequence", components=components, size=sum(map(len, components)))
    assert found.parameters == (Parameter("_actions", list(components)),)
    assert updated(found, {"parameters": rows(y=1)}).parameters == found.parameters
    assert updated(found, python()).parameters == ()
    assert updated(found, python(parameters=rows(y=1))).parameters == (Parameter("y", 1),)
    assert updated(created(python(parameters=rows(y=1))), body).parameters == found.parameters


def test_a_blackbox_may_have_no_code() -> None:
    found = read({"exec": {"kind": "blackbox", "image": "me/ruby"}})
    assert found.exec is not None and found.exec.image == "me/ruby" and found.code == b""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "Object expected"),
        ({"exec": []}, "Object expected"),
        ({"exec": {}}, "'kind' must be a string defined in 'exec'"),
        ({"exec": {"kind": 3}}, "'kind' must be a string defined in 'exec'"),
        ({"exec": {"kind": "cobol", "code": ""}}, "The specified runtime 'cobol' is not supported"),
        ({"exec": {"kind": "python:3"}}, "'code' must be a string defined in 'exec' for 'python:3' actions"),
        ({"exec": {"kind": "python:3", "code": {}}}, "'code' must be a string defined in 'exec'"),
        ({"exec": {"kind": "python:3", "code": "", "main": 1}}, "if defined, 'main' be a string in 'exec'"),
        ({"exec": {"kind": "blackbox"}}, "'image' must be a string defined in 'exec'"),
        ({"exec": {"kind": "sequence"}}, "'components' must be defined for sequence kind"),
        ({"exec": {"kind": "sequence", "components": {}}}, "'components' must be an array"),
        ({"exec": {"kind": "sequence", "components": ["a"]}}, "The fully qualified name of the entity must"),
        ({"exec": {"kind": "sequence", "components": [1]}}, "fully qualified name malformed"),
        (python(parameters={}), "parameters malformed!"),
        (python(annotations="a"), "parameters malformed!"),
        (python(version=1.0), "semantic version malformed"),
        (python(publish="yes"), "'publish' must be a boolean"),
        (python(limits=[]), "no valid json object passed"),
        (python(delAnnotations="a"), "'delAnnotations' must be an array of strings"),
    ],
)
def test_a_body_of_the_wrong_form_is_refused_with_the_reason(body: Any, why: str) -> None:
    with pytest.raises(BadRequest, match=re.escape("The request content was malformed:\n" + why)):
        read(body)


def test_without_code_there_is_no_new_action() -> None:
    with pytest.raises(BadRequest, match="exec undefined"):
        created({"exec": None})


def test_code_has_a_bound() -> None:
    largest = "x" * (48 * 1024 * 1024)
    assert read({"exec": {"kind": "python:3", "code": largest}}).exec is not None
    for more in ({"code": largest + "x"}, {"code": largest, "main": "m"}):
        with pytest.raises(TooLarge, match="exec larger than allowed: 50331649 > 50331648 bytes"):
            read({"exec": {"kind": "python:3", **more}})


EXEC = st.fixed_dictionaries(
    {"kind": st.sampled_from(["python:3", "nodejs:default", "sequence", "blackbox", "x"]) | json_values},
    optional=dict.fromkeys(("code", "main", "image", "components", "binary"), json_values),
)
BODY = st.fixed_dictionaries(
    {},
    optional={
        "exec": EXEC | json_values,
        **dict.fromkeys(
            ("parameters", "annotations", "limits", "version", "publish", "delAnnotations"), json_values
        ),
    },
)


@given(BODY | json_values)
def test_any_json_becomes_an_action_or_is_refused_with_a_reason(body: Any) -> None:
    was = created(python())
    try:
        now = updated(was, body)
        put = created(body)
    except CouchgrassError as refused:
        assert isinstance(refused, BadRequest) and refused.reason
    else:
        assert now.annotations["exec"] == now.exec.kind and put.annotations["exec"] == put.exec.kind


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(), max_size=4),
    st.dictionaries(st.sampled_from("abcd"), st.integers(), max_size=4),
    st.lists(st.sampled_from("abcd"), max_size=3),
)
def test_annotations_are_removed_first_and_then_merged(
    was: dict[str, int], given: dict[str, int], gone: list[str]
) -> None:
    body = {"annotations": rows(**given), "delAnnotations": gone}
    found = updated(created(python(annotations=rows(**was))), body).annotations
    assert {key: found.get(key) for key in "abcd"} == {
        key: given.get(key, None if key in gone else was.get(key)) for key in "abcd"
    }
