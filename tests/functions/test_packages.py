"""Names of packages and kinds."""

from __future__ import annotations

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions.packages import (
    CLASSIC,
    check_kind,
    check_packages,
    folder_name,
    package_name,
    with_added,
    without,
)


@pytest.mark.parametrize("family", CLASSIC)
def test_the_classic_set_has_good_names_each_once(family: str) -> None:
    check_packages(family, CLASSIC[family])
    names = [package_name(one) for one in CLASSIC[family]]
    assert len(set(names)) == len(names)


def test_the_classic_sets_have_the_cloudant_clients_of_old_apps() -> None:
    assert {"@cloudant/cloudant@2", "cloudant@1", "openwhisk@3"} <= set(CLASSIC["nodejs"])
    assert {"cloudant", "requests"} <= set(CLASSIC["python"])


@pytest.mark.parametrize(
    ("kind", "family"), [("nodejs:8", "nodejs"), ("python", "python"), ("python:3.11", "python")]
)
def test_a_kind_has_a_family(kind: str, family: str) -> None:
    assert check_kind(kind) == family


@pytest.mark.parametrize(
    "kind", ["java:8", "nodejs:", "nodejs:../x", "nodejs:8/..", "", "sequence", "python 3"]
)
def test_other_kinds_have_no_packages(kind: str) -> None:
    with pytest.raises(BadRequest):
        check_kind(kind)


@pytest.mark.parametrize(
    ("family", "package"),
    [
        ("nodejs", "--global"),
        ("nodejs", "http://evil.example/x.tgz"),
        ("nodejs", "git+ssh://x"),
        ("nodejs", "../folder"),
        ("nodejs", "@scope"),
        ("nodejs", "owner/repo"),
        ("nodejs", "x@file:../y"),
        ("python", "-e"),
        ("python", "x @ http://evil.example"),
        ("python", "./folder"),
        ("python", "x;os_name=='a'"),
    ],
)
def test_what_is_no_name_with_a_version_is_refused(family: str, package: str) -> None:
    with pytest.raises(BadRequest):
        check_packages(family, [package])


@pytest.mark.parametrize("package", ["requests", "requests[socks]==2.30", "numpy>=1.2,<3", "a~=1.4"])
def test_versions_of_python_packages_are_taken(package: str) -> None:
    check_packages("python", [package])


def test_a_kinds_folder_has_no_colon() -> None:
    assert folder_name("nodejs:8") == "nodejs-8"


def test_a_package_that_is_added_again_replaces_itself() -> None:
    assert with_added(["uuid@3", "@a/b@1", "x"], ["uuid@9", "@a/b@2", "y", "y"]) == (
        "x",
        "uuid@9",
        "@a/b@2",
        "y",
    )
    assert with_added(["Kafka_Python==2"], ["kafka-python"]) == ("kafka-python",)


def test_only_what_is_there_is_removed() -> None:
    assert without(["uuid@3", "x"], ["uuid"]) == ("x",)
    with pytest.raises(BadRequest, match="y is not installed"):
        without(["x"], ["y"])
