"""Architecture as a test: who may import whom, what pure files may touch, how large things may grow.

Each rule is a function from a repository's root to complaints, one line each, so that the rules are
themselves tried on small trees that break them. The layers, top first:

    cli > the sub-folders of slices (docdb/http, docdb/sqlite, ...) > clients (couch, whisk), serving
        > the top-level files of slices, which are pure > the kernel (errors, json, clock, ...)

A module imports its own layer's folder and what is below it. `testing` stands aside: it may import
anything, and no product code may import it.
"""

from __future__ import annotations

import ast
import gc
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "couchgrass"

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

CLIENTS = frozenset({"couch", "whisk", "serving"})
SUBFOLDER_USES = {
    ("agent", "http"): frozenset({"run"}),
    ("dashboard", "http"): frozenset({"run"}),
    ("docdb", "http"): frozenset({"sqlite", "javascript"}),
    ("replication", "http"): frozenset({"run"}),
    ("functions", "store"): frozenset({"runtimes"}),
    ("functions", "run"): frozenset({"store", "runtimes"}),
    ("functions", "http"): frozenset({"store", "run"}),
    ("gateway", "http"): frozenset({"store"}),
    ("identity", "http"): frozenset({"store"}),
}
"""Which other sub-folders of its own slice a sub-folder may import; the ones not listed: none."""

KERNEL_MAY_BRING = frozenset({"msgspec"})
"""What the kernel may import besides the standard library."""

_PURE_LIBRARY = """
    __future__ abc array ast base64 binascii bisect collections contextlib copy cronsim dataclasses datetime
    decimal difflib email.message enum fnmatch fractions functools graphlib hashlib heapq hmac html
    http.HTTPStatus icu io.BytesIO ipaddress itertools joserfc json keyword math msgspec numbers operator
    pathlib.PurePath re re2 string struct sys.float_info textwrap tomllib types typing unicodedata
    urllib.parse yaml zipfile zlib
"""
PURE_MAY_IMPORT = frozenset(_PURE_LIBRARY.split())
"""All that a pure file may import from outside: nothing that reads a clock, a file, a socket or a dice."""

_EFFECTS = """
    open print input exec eval compile __import__ breakpoint datetime.now datetime.utcnow datetime.today
    date.today datetime.datetime.now datetime.datetime.utcnow datetime.date.today
"""
PURE_MAY_NOT_CALL = frozenset(_EFFECTS.split())

TESTED_BY: dict[str, str] = {
    "drill/site.py": "tests/drill/run/test_drill.py",
    "drill/run/watch.py": "tests/drill/run/test_load.py",
    "drill/run/place.py": "tests/drill/test_command.py",
    "drill/run/probe.py": "tests/drill/run/test_load.py",
    "topology/places.py": "tests/topology/run/test_folder.py",
    "deploy/apply/place.py": "tests/deploy/apply/test_provision.py",
    "deploy/apply/read.py": "tests/deploy/apply/test_apply.py",
    "deploy/steps.py": "tests/deploy/test_diff.py",
    "deploy/files/tree.py": "tests/deploy/files/test_pack.py",
    "deploy/refused.py": "tests/deploy/test_manifest.py",
    "deploy/scope.py": "tests/deploy/test_resolve.py",
    "dashboard/lost.py": "tests/dashboard/http/test_passing.py",
    "dashboard/told.py": "tests/cli/test_dashboard_host.py",
    "agent/run/apply.py": "tests/agent/run/test_whole.py",
    "agent/run/own.py": "tests/agent/run/test_links.py",
    "agent/run/watch.py": "tests/agent/run/test_links.py",
    "agent/seen.py": "tests/agent/run/test_links.py",
    "balancer/envoy/admin.py": "tests/balancer/envoy/test_app.py",
    "balancer/envoy/process.py": "tests/balancer/envoy/test_controller.py",
    "functions/runtimes/cell.py": "tests/functions/runtimes/test_local.py",
    "functions/runtimes/spawn.py": "tests/functions/runtimes/test_process_cell.py",
    "functions/runtimes/watch.py": "tests/functions/runtimes/test_hostile.py",
    "couch/peer.py": "tests/couch/test_conformance.py",
    "docdb/wire.py": "tests/couch/test_database.py",
    "gateway/http/connection.py": "tests/gateway/http/test_backend.py",
    "docdb/selector_ops.py": "tests/docdb/test_selector.py",
    "docdb/selector_regex.py": "tests/docdb/test_selector.py",
    "functions/http/authn.py": "tests/functions/http/test_app.py",
    "functions/http/call.py": "tests/functions/http/test_app.py",
    "functions/http/collection.py": "tests/functions/http/test_packages.py",
    "functions/http/collections.py": "tests/functions/http/test_app.py",
    "functions/http/docs.py": "tests/functions/http/test_info.py",
    "functions/http/invocation.py": "tests/functions/http/test_actions.py",
    "functions/http/lookup.py": "tests/functions/http/test_actions.py",
    "functions/http/namespaces.py": "tests/functions/http/test_app.py",
    "functions/activation.py": "tests/functions/test_activation_form.py",
    "functions/entity.py": "tests/functions/test_documents.py",
    "functions/run/needs.py": "tests/functions/run/test_controller.py",
    "identity/http/answers.py": "tests/identity/http/test_api.py",
}
"""Source files (below src/couchgrass) whose tests are in a file of another name, and which."""

ADDRESS_FREE = ("requirements*.txt", "package-lock.json")
TEXT_SUFFIXES = frozenset({".py", ".md", ".toml", ".txt", ".json", ".mjs", ".js", ".ts", ".lua", ".yaml"})
TEXT_NAMES = frozenset({"Makefile", "run", ".gitignore", ".npmrc", "Dockerfile"})
NOT_OURS = frozenset({".git", ".venv", "node_modules", ".peer", "__pycache__", "dist", "results"})


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: `name` is dotted, `where` is for complaints, `parts` is the path below the package."""

    path: Path
    name: str
    where: str
    parts: tuple[str, ...]
    tree: ast.Module
    lines: int

    @property
    def layer(self) -> str:
        match self.parts:
            case ["__main__"]:
                return "cli"
            case [_]:
                return "kernel"
            case [("cli" | "testing") as top, *_]:
                return top
            case [top, *_] if top in CLIENTS:
                return "client"
            case [_, _]:
                return "pure"
            case _:
                return "subfolder"


def _module(path: Path, root: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    relative = path.relative_to(root / "src" if path.is_relative_to(root / "src") else root).with_suffix("")
    dotted = [part for part in relative.parts if part != "__init__"]
    tree = ast.parse(text, filename=str(path))
    return Module(
        path=path,
        name=".".join(dotted),
        where=path.relative_to(root).as_posix(),
        parts=relative.parts[1:],
        tree=tree,
        lines=len(text.splitlines()),
    )


@cache
def source(root: Path) -> tuple[Module, ...]:
    """Every module of the package, in the order of their paths."""
    return tuple(_parsed((root / "src" / PACKAGE).rglob("*.py"), root))


@cache
def python(root: Path) -> tuple[Module, ...]:
    """Every Python file of ours: the package, its tests and its benchmarks."""
    known = {module.path: module for module in source(root)}
    paths = {path for top in ("src", "tests", "bench") for path in _texts(root / top) if path.suffix == ".py"}
    further = {module.path: module for module in _parsed(paths - known.keys(), root)}
    return tuple((known | further)[path] for path in sorted(paths))


def _parsed(paths: Iterable[Path], root: Path) -> list[Module]:
    """Without the garbage collector, which would look at all those nodes again and again and find none."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return [_module(path, root) for path in sorted(paths)]
    finally:
        if collects:
            gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """Whatever comes after these tests has its memory back, and a quick garbage collector."""
    yield
    source.cache_clear()
    python.cache_clear()


def _texts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            if path.name not in NOT_OURS and not path.name.endswith("_cache"):
                yield from _texts(path)
        elif path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES:
            yield path


def _imports(module: Module, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of each import; `from x import y` is x.y when that is a module of ours."""
    package = module.name.split(".") if module.path.name == "__init__.py" else module.name.split(".")[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield node.lineno, full if full in known or not origin.startswith(PACKAGE) else origin


def _known(root: Path) -> frozenset[str]:
    return frozenset(module.name for module in source(root))


# --- the rules ---------------------------------------------------------------------------------------


def imports_go_down(root: Path) -> Iterator[str]:
    """cli > sub-folders > clients > pure files > kernel; never into another slice's sub-folder."""
    known, layers = _known(root), {module.name: module for module in source(root)}
    for module in source(root):
        for line, name in _imports(module, known):
            target = layers.get(name)
            if target is not None and (why := _refusal(module, target)):
                yield f"{module.where}:{line}: {why}: {name}"


def _refusal(module: Module, target: Module) -> str | None:
    """Why `module` must not import `target`, or None."""
    below = {
        "kernel": {"kernel"},
        "pure": {"kernel", "pure"},
        "client": {"kernel", "pure", "client"},
        "subfolder": {"kernel", "pure", "client", "subfolder"},
        "cli": {"kernel", "pure", "client", "subfolder", "cli"},
        "testing": {"kernel", "pure", "client", "subfolder", "cli", "testing"},
    }
    if target.layer not in below[module.layer]:
        return f"{module.layer} must not import {target.layer}"
    if module.layer == target.layer == "subfolder":
        if module.parts[0] != target.parts[0]:
            return "a slice must not import another slice's sub-folder"
        allowed = SUBFOLDER_USES.get((module.parts[0], module.parts[1]), frozenset())
        if target.parts[1] != module.parts[1] and target.parts[1] not in allowed:
            return f"{module.parts[0]}/{module.parts[1]} must not import {target.parts[0]}/{target.parts[1]}"
    if module.layer == target.layer == "client" and target.parts[0] not in {module.parts[0], "serving"}:
        return "a client must not import another client"
    return None


def kernel_is_small(root: Path) -> Iterator[str]:
    """The kernel imports the standard library and msgspec only."""
    from sys import stdlib_module_names as standard

    for module in source(root):
        if module.layer == "kernel":
            for line, name in _imports(module, _known(root)):
                top = name.partition(".")[0]
                if top not in standard and top not in KERNEL_MAY_BRING and top != PACKAGE:
                    yield f"{module.where}:{line}: the kernel must not import {name}"


def pure_files_touch_nothing(root: Path) -> Iterator[str]:
    """Top-level files of a slice import only what is on the list, and call nothing that does I/O."""
    for module in source(root):
        if module.layer != "pure":
            continue
        for line, name in _imports(module, _known(root)):
            parts = name.split(".")
            prefixes = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
            if parts[0] != PACKAGE and not prefixes & PURE_MAY_IMPORT:
                yield f"{module.where}:{line}: a pure file must not import {name}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in PURE_MAY_NOT_CALL:
                yield f"{module.where}:{node.lineno}: a pure file must not call {called}"
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield f"{module.where}:{node.lineno}: a pure file must not be async"


def files_are_short(root: Path) -> Iterator[str]:
    """A file has at most 600 lines."""
    for module in python(root):
        if module.lines > FILE_LINES_MAX:
            yield f"{module.where}: {module.lines} lines, at most {FILE_LINES_MAX}"


def functions_are_short(root: Path) -> Iterator[str]:
    """A function has at most 60 lines, its docstring included."""
    for module in python(root):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    where = f"{module.where}:{node.lineno}"
                    yield f"{where}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"


def modules_say_what_they_are(root: Path) -> Iterator[str]:
    """Every module opens with a docstring; so does every public function and class of a pure file."""
    for module in source(root):
        if module.tree.body and ast.get_docstring(module.tree) is None:
            yield f"{module.where}: no docstring"
        if module.layer == "pure":
            for node in module.tree.body:
                if (
                    isinstance(node, ast.FunctionDef | ast.ClassDef)
                    and not node.name.startswith("_")
                    and ast.get_docstring(node) is None
                ):
                    yield f"{module.where}:{node.lineno}: {node.name} has no docstring"


def nothing_is_left_for_later(root: Path) -> Iterator[str]:
    """No mark of unfinished work, no stub."""
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|NotImplemented" r"Error)\b")
    for path in _all_texts(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := marks.search(line):
                yield f"{path.relative_to(root).as_posix()}:{number}: {found[0]}"


def no_machine_paths(root: Path) -> Iterator[str]:
    """Nothing in the tree names a folder of somebody's machine."""
    paths = re.compile(r"(?<![\w./-])/(home|Users|root|work|mnt|opt)/\w|\b[A-Z]:\\\\?Users\b")
    for path in _all_texts(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := paths.search(line):
                yield f"{path.relative_to(root).as_posix()}:{number}: a machine's path: {found[0]}"


def _all_texts(root: Path) -> Iterator[Path]:
    """Our text files but this one, which has to spell out what it looks for."""
    return (path for path in _texts(root) if path != root / "tests" / "test_tidy.py")


def no_module_is_dead(root: Path) -> Iterator[str]:
    """Each module is imported by another one, is an entry point, or serves the tests."""
    known = _known(root)
    used: set[str] = set()
    for module in source(root):
        used |= {name for _, name in _imports(module, known)} - {module.name}
        used |= {text.partition(":")[0] for text in _strings(module) if text.startswith(f"{PACKAGE}.")}
    for module in python(root):
        if module.where.startswith(("tests/", "bench/")):
            used |= {name for _, name in _imports(module, known) if name.startswith(f"{PACKAGE}.testing")}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    used |= {target.partition(":")[0] for target in project.get("scripts", {}).values()}
    for module in source(root):
        if module.path.name not in {"__init__.py", "__main__.py"} and module.name not in used:
            yield f"{module.where}: nobody imports it"


def _strings(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def the_tests_mirror_the_source(root: Path) -> Iterator[str]:
    """src/couchgrass/docdb/http/x.py has tests/docdb/http/test_x.py or is named in TESTED_BY."""
    for module in source(root):
        if module.path.name == "__init__.py" or module.layer not in {"pure", "subfolder", "client"}:
            continue
        below = module.path.relative_to(root / "src" / PACKAGE)
        named = TESTED_BY.get(below.as_posix())
        places = [f"tests/{below.parent.as_posix()}/test_{below.stem}.py", *_prefixed(below)]
        if not any((root / place).is_file() for place in ([named] if named else places)):
            yield f"{module.where}: no {named or places[0]}"


def _prefixed(below: Path) -> Iterator[str]:
    """The same test file with its folder in front of its name, for names that two folders share."""
    if len(below.parts) > 1:
        yield f"tests/{below.parent.as_posix()}/test_{below.parent.name}_{below.stem}.py"


def locks_hold_names_and_versions_only(root: Path) -> Iterator[str]:
    """No lock file says where a package is to be fetched from."""
    for path in _texts(root):
        if not any(path.match(pattern) for pattern in ADDRESS_FREE):
            continue
        where = path.relative_to(root).as_posix()
        if path.suffix == ".json":
            for name, package in json.loads(path.read_text(encoding="utf-8")).get("packages", {}).items():
                if "resolved" in package and not package.get("link"):
                    yield f"{where}: {name} is resolved to {package['resolved']}"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            wanted = line.partition("#")[0].strip()
            if wanted and not re.fullmatch(r"-r requirements[\w-]*\.txt|[\w.-]+==[\w.+!]+", wanted):
                yield f"{where}:{number}: not name==version: {wanted}"


def locks_pin_what_the_project_names(root: Path) -> Iterator[str]:
    """Each dependency of pyproject.toml has its version in requirements.txt, each of `dev` in one of them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    run_time = _pinned(root / "requirements.txt")
    for named, pinned, lock in (
        (project.get("dependencies", []), run_time, "requirements.txt"),
        (
            project.get("optional-dependencies", {}).get("dev", []),
            run_time | _pinned(root / "requirements-dev.txt"),
            "requirements-dev.txt",
        ),
    ):
        for requirement in named:
            name = _normal(re.split(r"[<>=!~ \[;]", requirement, maxsplit=1)[0])
            if name not in pinned:
                yield f"pyproject.toml: {name} is not pinned in {lock}"


def _pinned(lock: Path) -> frozenset[str]:
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    return frozenset(_normal(line.partition("==")[0]) for line in lines if "==" in line)


def _normal(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


Rule = Callable[[Path], Iterator[str]]

RULES: tuple[Rule, ...] = (
    imports_go_down,
    kernel_is_small,
    pure_files_touch_nothing,
    files_are_short,
    functions_are_short,
    modules_say_what_they_are,
    nothing_is_left_for_later,
    no_machine_paths,
    no_module_is_dead,
    the_tests_mirror_the_source,
    locks_hold_names_and_versions_only,
    locks_pin_what_the_project_names,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_our_tree_keeps_the_rule(rule: Rule) -> None:
    complaints = list(rule(ROOT))
    assert not complaints, f"{rule.__doc__}\n" + "\n".join(complaints)


def test_the_map_of_tests_names_only_what_is_there() -> None:
    for below, test in TESTED_BY.items():
        assert (ROOT / "src" / PACKAGE / below).is_file(), below
        assert (ROOT / test).is_file(), test


# --- the rules tried on small trees ------------------------------------------------------------------

SOUND = {
    "pyproject.toml": '[project]\ndependencies = ["msgspec>=0.20"]\n'
    'scripts = {couchgrass = "couchgrass.cli.main:main"}\n',
    "requirements.txt": "# why\nmsgspec==0.20.0\n",
    "src/couchgrass/__init__.py": '"""The package."""\n',
    "src/couchgrass/__main__.py": '"""Start."""\nfrom couchgrass.cli.main import main\n',
    "src/couchgrass/errors.py": '"""Errors."""\nimport msgspec\n',
    "src/couchgrass/docdb/rev.py": '"""Revs."""\nimport hashlib\nfrom couchgrass import errors\n',
    "src/couchgrass/docdb/sqlite/store.py": '"""Store."""\nimport apsw\nfrom couchgrass.docdb import rev\n',
    "src/couchgrass/docdb/http/app.py": '"""A."""\nfrom ..sqlite import store\nimport couchgrass.couch\n',
    "src/couchgrass/couch/__init__.py": '"""Client."""\nimport couchgrass.couch.link\n',
    "src/couchgrass/couch/link.py": '"""Link."""\nimport socket\n',
    "src/couchgrass/gateway/http/serve.py": '"""Serve."""\nimport asyncio\n',
    "src/couchgrass/cli/main.py": '"""M."""\nimport couchgrass.gateway.http.serve as s\n'
    'A = "couchgrass.docdb.http.app:a"\n',
    "src/couchgrass/testing/faults.py": '"""Faults."""\nimport couchgrass.docdb.sqlite.store\n',
    "tests/test_faults.py": "import couchgrass.testing.faults\n",
    "tests/docdb/test_rev.py": "",
    "tests/docdb/sqlite/test_store.py": "",
    "tests/docdb/http/test_http_app.py": "",
    "tests/couch/test_link.py": "",
    "tests/gateway/http/test_serve.py": "",
    "tests/clients/package-lock.json": '{"packages": {"node_modules/nano": {"version": "11.0.7"}}}',
}


def grow(root: Path, files: dict[str, str]) -> Path:
    """Writes `files` (path to text) below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_tree_has_no_complaint(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(grow(tmp_path, SOUND))) == []


SRC = "src/couchgrass"
BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (imports_go_down, f"{SRC}/errors.py", "import couchgrass.docdb.rev"),
    (imports_go_down, f"{SRC}/docdb/rev.py", "from couchgrass.docdb.sqlite import store"),
    (imports_go_down, f"{SRC}/docdb/rev.py", "from .sqlite.store import put"),
    (imports_go_down, f"{SRC}/docdb/rev.py", "def f():\n    import couchgrass.couch.link"),
    (imports_go_down, f"{SRC}/docdb/sqlite/store.py", "from couchgrass.docdb.http import app"),
    (imports_go_down, f"{SRC}/docdb/sqlite/store.py", "from couchgrass.docdb.http.app import run"),
    (imports_go_down, f"{SRC}/gateway/http/serve.py", "import couchgrass.docdb.sqlite.store"),
    (imports_go_down, f"{SRC}/docdb/http/app.py", "import couchgrass.cli.main"),
    (imports_go_down, f"{SRC}/docdb/http/app.py", "import couchgrass.testing.faults"),
    (imports_go_down, f"{SRC}/couch/link.py", "from couchgrass.docdb.sqlite.store import put"),
    (imports_go_down, f"{SRC}/whisk/api.py", "import couchgrass.couch.link"),
    (kernel_is_small, f"{SRC}/errors.py", "import apsw"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "import os"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "from time import monotonic"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "import urllib.request"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "import random as dice"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "text = open('x')"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "import datetime\nnow = datetime.datetime.now()"),
    (pure_files_touch_nothing, f"{SRC}/docdb/rev.py", "async def f() -> None: ..."),
    (files_are_short, f"{SRC}/docdb/http/app.py", "x = 1\n" * 600),
    (files_are_short, "tests/docdb/test_rev.py", "x = 1\n" * 601),
    (functions_are_short, f"{SRC}/docdb/http/app.py", "def f():\n" + "    x = 1\n" * 60),
    (functions_are_short, "bench/load.py", "class A:\n  async def f():\n" + "    x = 1\n" * 60),
    (modules_say_what_they_are, f"{SRC}/docdb/sqlite/reads.py", "x = 1"),
    (modules_say_what_they_are, f"{SRC}/docdb/rev.py", "def parse(): ..."),
    (modules_say_what_they_are, f"{SRC}/docdb/rev.py", "class Rev:\n    x = 1"),
    (nothing_is_left_for_later, f"{SRC}/docdb/rev.py", "# TO" + "DO: later"),
    (nothing_is_left_for_later, "docs/map.md", "FIX" + "ME"),
    (nothing_is_left_for_later, f"{SRC}/docdb/http/app.py", "raise NotImplemented" + "Error"),
    (no_machine_paths, "docs/map.md", "see /home" + "/someone/notes"),
    (no_machine_paths, "Makefile", "X := /ro" + "ot/bin"),
    (no_module_is_dead, f"{SRC}/docdb/lost.py", '"""Lost."""'),
    (no_module_is_dead, f"{SRC}/testing/lost.py", '"""Lost."""'),
    (the_tests_mirror_the_source, f"{SRC}/docdb/selector.py", '"""Selector."""'),
    (the_tests_mirror_the_source, f"{SRC}/docdb/http/feed.py", '"""Feed."""'),
    (locks_hold_names_and_versions_only, "requirements-dev.txt", "-r https" + "://example.org/list.txt"),
    (locks_hold_names_and_versions_only, "requirements.txt", "--index-url http" + "://127.0.0.1/simple"),
    (locks_hold_names_and_versions_only, "requirements.txt", "pytest @ file" + ":///wheels/pytest.whl"),
    (locks_hold_names_and_versions_only, "requirements.txt", "pytest>=8"),
    (
        locks_pin_what_the_project_names,
        "pyproject.toml",
        "[project.optional-dependencies]\ndev = ['ruff>=1']",
    ),
    (
        locks_hold_names_and_versions_only,
        "web/package-lock.json",
        '{"packages": {"node_modules/nano": {"resolved": "https' + '://example.org/nano.tgz"}}}',
    ),
)


@pytest.mark.parametrize(("rule", "where", "added"), BROKEN)
def test_a_broken_rule_is_complained_about_once_and_by_name(
    rule: Rule, where: str, added: str, tmp_path: Path
) -> None:
    grow(tmp_path, SOUND | {where: SOUND.get(where, "") + added + "\n"})
    complaints = list(rule(tmp_path))
    assert len(complaints) == 1, complaints
    assert complaints[0].startswith(where)


def test_every_rule_is_tried_on_a_tree_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)
