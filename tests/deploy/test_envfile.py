"""Env files, as a shell reads them, and the switches in them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.deploy.envfile import KNOWN, EnvFile, Switches, Use, parse, switches, unknown
from couchgrass.deploy.refused import ManifestRefused

TEMPLATE = """\
# Where it is deployed
IBMCLOUD_API_KEY=xxxx_key_yyyy
IBMCLOUD_ORG=org
IBMCLOUD_SPACE='dev space'
export BLUEMIX_REGION=us-south

  PROVISION_INFRASTRUCTURE=true   # regions get their accounts
API_USE_APPID=false
TF_VAR_appid_plan="Graduated tier"
"""


def reason(text: str) -> str:
    with pytest.raises(ManifestRefused) as bad:
        parse(text, "local.env")
    return bad.value.reason


def test_a_file_of_the_reference_app_is_read() -> None:
    file = parse(TEMPLATE, "local.env")
    assert file.values == {
        "IBMCLOUD_API_KEY": "xxxx_key_yyyy",
        "IBMCLOUD_ORG": "org",
        "IBMCLOUD_SPACE": "dev space",
        "BLUEMIX_REGION": "us-south",
        "PROVISION_INFRASTRUCTURE": "true",
        "API_USE_APPID": "false",
        "TF_VAR_appid_plan": "Graduated tier",
    }
    assert file.lines["API_USE_APPID"] == 8
    assert switches(file) == Switches(provision=True, sign_in=False)
    assert unknown(file, ()) == ()


AS_A_SHELL = r"""
A=plain
B='single $A `x` \ "'
C="double $A ${A}x \$A \" \\ \n 'q'"
D=a\ b\$c\'d
E=mixed' and '"more $A"end
F=
G=""
H=#no comment
I=a#b
J=x # a comment
export K=$A/$B
L=~x
M=$A$A
A=again
N=$A
O='a'"b"c
P="5 $ and $"
Q=%s!*?[]{}
R=key=value==
"""


def test_values_are_those_of_a_shell(tmp_path: Path) -> None:
    text = AS_A_SHELL.replace("H=#no comment\n", "H=x#y\n").replace("L=~x\n", "L='~x'\n")
    values = parse(text, "local.env").values
    (tmp_path / "local.env").write_text(text)
    script = '. ./local.env; for n in "$@"; do eval "printf \'%s\\0\' \\"\\$$n\\""; done'
    told = subprocess.run(
        ["sh", "-c", script, "sh", *values], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert list(values.values()) == told.decode().split("\0")[:-1]


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=20))
def test_a_value_in_the_quotes_of_a_shell_comes_back(value: str) -> None:
    assert parse(f"X={shlex.quote(value)}\n", "local.env").values == {"X": value}


@given(st.text(alphabet="AX='\"\\$ #\n`(=", max_size=20))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        parse(text, "local.env")
    except ManifestRefused as bad:
        assert 1 <= bad.line <= text.count("\n") + 1


def test_lines_may_end_as_on_windows_and_begin_with_a_mark() -> None:
    assert parse("\ufeffA=1\r\nB=2\r\n", "local.env").values == {"A": "1", "B": "2"}


def test_the_environment_around_it_may_be_named() -> None:
    assert parse("A=$HOME/x\n", "local.env", {"HOME": "/h"}).values == {"A": "/h/x"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A=1\nB\n", "local.env:2: must be NAME=VALUE, with a name of letters, digits and _"),
        ("A-B=1\n", "local.env:1: must be NAME=VALUE"),
        ("1A=1\n", "local.env:1: must be NAME=VALUE"),
        ("=1\n", "local.env:1: must be NAME=VALUE"),
        ("A = 1\n", "local.env:1: there must be no space around ="),
        ("A= 1\n", "local.env:1: A: a value with spaces must stand in quotes"),
        ("A=1 2\n", "local.env:1: A: a value with spaces must stand in quotes"),
        ("A='x\nB=1\n", "local.env:1: A: a quote is not closed in its line"),
        ('A="x\n', "local.env:1: A: a quote is not closed in its line"),
        ("A=x\\\n", "local.env:1: A: a quote is not closed in its line"),
        ("A=$(whoami)\n", "local.env:1: A: "),
        ('A="$(whoami)"\n', "local.env:1: A: nothing is run here"),
        ("A=`whoami`\n", "local.env:1: A: nothing is run here"),
        ("A=x;rm\n", "local.env:1: A: a value with ; & | < > ( or ) must stand in quotes"),
        ("A=<softlayer username>\n", "local.env:1: A: a value with ; & | < > ( or ) must stand in quotes"),
        ("A=$B\n", "local.env:1: A: $B is not set further up"),
        (
            'A="pa$word"\n',
            "local.env:1: A: $word is not set further up: put a $ that is meant into single quotes",
        ),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_without_its_value(text: str, told: str) -> None:
    assert reason(text).startswith(told)


def test_a_secret_is_never_shown() -> None:
    assert "hunter2" not in repr(parse("PASSWORD=hunter2\n", "local.env"))
    assert "hunter2" not in reason("PASSWORD=hunter2 x\n")
    assert "hunter2" not in reason("hunter2\n")


def test_size_is_bounded() -> None:
    assert "more than 256 kB" in reason("A=" + "x" * 300_000)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Switches()),
        ("PROVISION_INFRASTRUCTURE=TRUE", Switches()),
        ("PROVISION_INFRASTRUCTURE=", Switches()),
        (
            "PROVISION_INFRASTRUCTURE=false\nCLOUDANT_USERNAME=u\nCLOUDANT_PASSWORD=p",
            Switches(provision=False),
        ),
        ("API_USE_APPID=true", Switches(sign_in=True)),
        ("API_USE_APPID=true\nAPI_APPID_TENANTID=t", Switches(sign_in=True, tenant="t")),
        ("API_APPID_TENANTID=t", Switches()),
    ],
)
def test_switches_are_those_of_the_reference_app(text: str, found: Switches) -> None:
    assert switches(parse(text, "local.env")) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A=1\nAPI_USE_APPID=1\n", "local.env:2: API_USE_APPID must be true or false"),
        (
            "PROVISION_INFRASTRUCTURE=false\nCLOUDANT_USERNAME=u\n",
            "local.env:1: PROVISION_INFRASTRUCTURE is false, so CLOUDANT_PASSWORD must be set",
        ),
        (
            "PROVISION_INFRASTRUCTURE=false\n",
            "local.env:1: PROVISION_INFRASTRUCTURE is false, so CLOUDANT_USERNAME and CLOUDANT_PASSWORD "
            "must be set",
        ),
    ],
)
def test_switches_that_make_no_sense_are_refused(text: str, told: str) -> None:
    with pytest.raises(ManifestRefused) as bad:
        switches(parse(text, "local.env"))
    assert bad.value.reason == told


def test_keys_that_nobody_knows_are_told() -> None:
    file = parse("CLOUDANT_USERNAM=u\nMINE=1\nUSED=2\n", "local.env")
    assert unknown(file, {"USED"}) == (
        "local.env:1: CLOUDANT_USERNAM is not used; did you mean CLOUDANT_USERNAME?",
        "local.env:2: MINE is not used",
    )


def test_every_known_key_has_a_meaning() -> None:
    assert all(known.meaning for known in KNOWN.values())
    assert {known.use for known in KNOWN.values()} == set(Use)


def test_no_file_says_nothing() -> None:
    assert switches(EnvFile()) == Switches()
