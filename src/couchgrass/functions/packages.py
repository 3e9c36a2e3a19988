"""Packages that actions find installed: their names, the classic set, the folders of kinds.

Pure. The classic set is of what IBM's `nodejs:8` and `python:3.7` had on board: those that old apps `require`
without bringing them along, that install without compiling and work on today's interpreters. Where a package
changed its ways since, it is the major version of then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from couchgrass.errors import BadRequest

FOLDERS: Final = {"nodejs": "node_modules", "python": "site-packages"}
"""The families that can have packages, and the folder that their interpreters know."""

_CLASSIC_NODEJS: Final = """
    @cloudant/cloudant@2 cloudant@1 async@2 axios@0.27 body-parser@1 bluebird@3 btoa@1 cheerio@0.22
    commander@2 cookie-parser@1 csvtojson@2 express@4 express-session@1 formidable@1 glob@7
    iconv-lite@0.4 ibm-cos-sdk@1 jsonwebtoken@8 lodash@4 log4js@6 marked@0.8 moment@2 mongodb@3
    mustache@3 mysql@2 nano@6 nodemailer@4 openwhisk@3 path-to-regexp@2 pg@8 pug@2 qs@6 redis@2 request@2
    request-promise@4 rimraf@2 semver@5 serialize-error@3 superagent@3 tmp@0.0.33 underscore@1 uuid@3
    validator@10 winston@3 ws@6 xml2js@0.4 yauzl@2
"""
_CLASSIC_PYTHON: Final = """
    beautifulsoup4 cloudant httplib2 ibmcloudant kafka-python lxml numpy Pillow python-dateutil requests
    simplejson
"""
CLASSIC: Final = {"nodejs": tuple(_CLASSIC_NODEJS.split()), "python": tuple(_CLASSIC_PYTHON.split())}

_KIND: Final = re.compile(r"(nodejs|python)(:[\w.]{1,20})?")
_NPM: Final = re.compile(r"(?:@[\w.~-]+/)?[\w.~][\w.~-]*(?:@[\w.^~<>=*+-]+)?")
_PIP: Final = re.compile(
    r"[A-Za-z0-9][\w.-]*(?:\[[\w,.-]+\])?(?:(?:[<>=!~]=?=?)[\w.*+!]+(?:,[<>=!~]=?=?[\w.*+!]+)*)?"
)


class Asked(msgspec.Struct, frozen=True):
    """What was asked for, in order."""

    packages: tuple[str, ...] = ()


def check_kind(kind: str) -> str:
    """The family of a kind or family that can have packages. Raises BadRequest."""
    if not _KIND.fullmatch(kind):
        raise BadRequest(f"{kind} can't have packages: name nodejs, python, or a kind such as nodejs:8")
    return kind.partition(":")[0]


def check_packages(family: str, packages: Sequence[str]) -> None:
    """Raises BadRequest for what is no name with perhaps a version: no address, no path, no option."""
    form, example = (_NPM, "uuid@3") if family == "nodejs" else (_PIP, "requests==2.32.0")
    for package in packages:
        if not form.fullmatch(package):
            raise BadRequest(f"{package} is no package's name with perhaps a version, such as {example}")


def folder_name(kind: str) -> str:
    """The name of a kind's folder: without a colon, which separates folders in NODE_PATH and PYTHONPATH."""
    return kind.replace(":", "-", 1)


def package_name(package: str) -> str:
    """The name in "name@version" or "name==version", as it is compared."""
    if package.startswith("@"):
        return "@" + package[1:].partition("@")[0].lower()
    return re.sub(r"[-_.]+", "-", re.split(r"[@<>=!~\[]", package, maxsplit=1)[0]).lower()


def with_added(packages: Sequence[str], added: Sequence[str]) -> tuple[str, ...]:
    """The list with more in it; a package that is in it already is replaced."""
    names = {package_name(one) for one in added}
    return (*(one for one in packages if package_name(one) not in names), *dict.fromkeys(added))


def without(packages: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    """The list without some. Raises BadRequest for one that is not in it."""
    there = {package_name(one) for one in packages}
    for one in removed:
        if package_name(one) not in there:
            raise BadRequest(f"{one} is not installed for it; installed are {', '.join(packages) or 'none'}")
    names = {package_name(one) for one in removed}
    return tuple(one for one in packages if package_name(one) not in names)
