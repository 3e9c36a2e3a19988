"""Code from files and folders."""

from __future__ import annotations

import base64
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.deploy.actions import Asked
from couchgrass.deploy.code import Packed, executable
from couchgrass.deploy.files import tree
from couchgrass.deploy.files.pack import packed
from couchgrass.deploy.files.tree import matches
from couchgrass.deploy.refused import ManifestRefused
from couchgrass.deploy.scope import Scope


def grow(root: Path, *names: str) -> Path:
    """Files that hold their own names."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def pack(
    app: Path,
    function: str,
    *,
    include: tuple[tuple[str, ...], ...] = (),
    exclude: tuple[str, ...] = (),
    scope: Scope | None = None,
) -> Packed:
    numbered = tuple((9 + number, one) for number, one in enumerate(include))
    asked = Asked("pkg", "act", 5, function, numbered, exclude)
    return packed(asked, app, scope or Scope({}, source="m.yaml"))


def contents(found: Packed) -> dict[str, str]:
    """Path in the archive to content."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(found.code))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def reason(app: Path, function: str, **more: tuple[tuple[str, ...], ...]) -> str:
    with pytest.raises(ManifestRefused) as bad:
        pack(app, function, **more)  # type: ignore[arg-type]
    return bad.value.reason


def test_a_file_is_text_and_an_archive_is_base64(tmp_path: Path) -> None:
    (tmp_path / "b.js").write_text("main = 'ü'", encoding="utf-8")
    (tmp_path / "b.jar").write_bytes(b"PK\x05\x06" + bytes(18))
    assert pack(tmp_path, "b.js") == Packed("js", "main = 'ü'")
    assert pack(tmp_path, "/b.js") == Packed("js", "main = 'ü'")
    assert pack(tmp_path, "//b.js") == Packed("js", "main = 'ü'")
    assert pack(tmp_path, "b.jar") == Packed(
        "jar", base64.b64encode((tmp_path / "b.jar").read_bytes()).decode()
    )


def test_what_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_bytes(b"\xff\xfe")
    assert reason(tmp_path, "a.py") == "m.yaml:5: act: there is no a.py beside the manifest"
    assert reason(tmp_path, "b.py") == "m.yaml:5: act: b.py is no text in UTF-8"


def test_a_folder_is_an_archive_without_empty_files_and_litter(tmp_path: Path) -> None:
    grow(
        tmp_path, "src/index.js", "src/lib/.hidden", "src/lib/a.js", "src/__pycache__/x.pyc", "src/.git/HEAD"
    )
    (tmp_path / "src" / "empty.js").touch()
    assert list(contents(pack(tmp_path, "src/"))) == ["index.js", "lib/.hidden", "lib/a.js"]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    assert reason(tmp_path, "src") == "m.yaml:5: act: its folder has no files"


def test_a_folder_may_be_above_the_manifest(tmp_path: Path) -> None:
    app = grow(tmp_path, "src/index.js", "deploy/x") / "deploy"
    assert list(contents(pack(app, "../src"))) == ["index.js"]


FILES = ("src/index.js", "src/test/a.js", "src/test/deep/b.js", "src/note.md")


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (("src/test",), ["index.js", "note.md"]),
        (("src/test/*",), ["index.js", "note.md"]),
        (("src/*.md",), ["index.js", "test/a.js", "test/deep/b.js"]),
        (("src/note.md",), ["index.js", "test/a.js", "test/deep/b.js"]),
        (("src/*/deep", "./src/index.js"), ["note.md", "test/a.js"]),
        (("nothing/*",), ["index.js", "note.md", "test/a.js", "test/deep/b.js"]),
    ],
)
def test_what_is_excluded_is_left_out(tmp_path: Path, exclude: tuple[str, ...], left: list[str]) -> None:
    grow(tmp_path, *FILES)
    assert list(contents(pack(tmp_path, "src", exclude=exclude))) == left


COMMON = (
    "src/index.js",
    "common/a.js",
    "common/b.py",
    "common/deep/c.js",
    "libs/x/util.js",
    "libs/y/util.js",
)


@pytest.mark.parametrize(
    ("include", "added"),
    [
        (("common/a.js",), {"common/a.js": "common/a.js"}),
        (("common/a.js", "lib/z.js"), {"lib/z.js": "common/a.js"}),
        (("common/a.js", "lib/"), {"lib/a.js": "common/a.js"}),
        (("common/a.js", "./"), {"a.js": "common/a.js"}),
        (("common/*.js", "lib/"), {"lib/a.js": "common/a.js"}),
        (("common/*.js",), {"common/a.js": "common/a.js"}),
        (("common/*.js", "lib/*"), {"lib/a.js": "common/a.js"}),
        (("common/*.js", "lib"), {"a.js": "common/a.js"}),
        (
            ("common/*", "lib/"),
            {"lib/a.js": "common/a.js", "lib/b.py": "common/b.py", "lib/deep/c.js": "common/deep/c.js"},
        ),
        (
            ("common", "lib"),
            {"lib/a.js": "common/a.js", "lib/b.py": "common/b.py", "lib/deep/c.js": "common/deep/c.js"},
        ),
        (
            ("libs/*/util.js",),
            {"libs/x/util.js": "libs/x/util.js", "libs/y/util.js": "libs/y/util.js"},
        ),
        (("libs/*/util.js", "l/"), {"l/x/util.js": "libs/x/util.js", "l/y/util.js": "libs/y/util.js"}),
        (("common/a.js", "index.js"), {"index.js": "common/a.js"}),
        (("./common/a.js", "lib/"), {"lib/a.js": "common/a.js"}),
    ],
)
def test_what_is_included_goes_where_wskdeploy_puts_it(
    tmp_path: Path, include: tuple[str, ...], added: dict[str, str]
) -> None:
    grow(tmp_path, *COMMON)
    assert contents(pack(tmp_path, "src", include=(include,))) == {"index.js": "src/index.js"} | added


def test_what_is_included_stays_when_it_is_excluded_and_nothing_is_written(tmp_path: Path) -> None:
    grow(tmp_path, *COMMON)
    before = sorted(tmp_path.rglob("*"))
    found = pack(tmp_path, "src", include=(("common/a.js", "lib/"),), exclude=("common/*",))
    assert "lib/a.js" in contents(found)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_include_that_can_not_be_is_refused(tmp_path: Path) -> None:
    grow(tmp_path, *COMMON)
    assert (
        reason(tmp_path, "src", include=(("nope.js",),))
        == "m.yaml:9: act: include nope.js: there is no such file"
    )
    assert reason(tmp_path, "src", include=(("common/a.js", "../x.js"),)) == (
        "m.yaml:9: act: include leads out of the archive"
    )


def test_a_pattern_that_matches_nothing_is_told(tmp_path: Path) -> None:
    scope = Scope({}, source="m.yaml")
    pack(grow(tmp_path, *COMMON), "src", include=(("nope/*",),), scope=scope)
    assert scope.warnings == ["m.yaml:9: act: include nope/*: there is nothing like it"]


@pytest.mark.parametrize("include", [(), ("common/a.js", "a.js", "b.js")])
def test_an_include_that_wskdeploy_leaves_out_is_told(tmp_path: Path, include: tuple[str, ...]) -> None:
    scope = Scope({}, source="m.yaml")
    assert list(contents(pack(grow(tmp_path, *COMMON), "src", include=(include,), scope=scope))) == [
        "index.js"
    ]
    assert scope.warnings == [
        "m.yaml:9: act: an include is left out: it must be [source] or [source, target]"
    ]


def test_include_and_exclude_are_for_folders(tmp_path: Path) -> None:
    scope = Scope({}, source="m.yaml")
    pack(grow(tmp_path, "a.js"), "a.js", exclude=("x",), scope=scope)
    assert scope.warnings == ["m.yaml:5: act: include and exclude are for folders"]


def test_links_are_followed_inside_of_the_app_and_told_when_they_lead_out(tmp_path: Path) -> None:
    app = grow(tmp_path, "app/src/index.js", "app/common/a.js", "outside/secret.js") / "app"
    source = app / "src"
    (source / "lib").symlink_to("../common")
    (source / "one.js").symlink_to("../common/a.js")
    (source / "out").symlink_to("../../outside")
    (source / "passwd").symlink_to(tmp_path / "outside" / "secret.js")
    (source / "gone").symlink_to("nowhere")
    (source / "self").symlink_to(".")
    scope = Scope({}, source="m.yaml")
    assert contents(pack(app, "src", scope=scope)) == {
        "index.js": "app/src/index.js",
        "lib/a.js": "app/common/a.js",
        "one.js": "app/common/a.js",
    }
    assert scope.warnings == [
        "m.yaml:5: src/gone is left out: it links to nothing",
        "m.yaml:5: src/out is left out: it links out of the app",
        "m.yaml:5: src/passwd is left out: it links out of the app",
        "m.yaml:5: src/self is left out: it links to a folder that it is in",
    ]


def test_two_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    app = grow(tmp_path, "src/a/x", "src/b/y")
    (app / "src" / "a" / "b").symlink_to("../b")
    (app / "src" / "b" / "a").symlink_to("../a")
    assert {"a/x", "a/b/y", "b/y", "b/a/x"} <= set(contents(pack(app, "src")))


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    app = grow(tmp_path, "src/x")
    (app / "src" / "loop").symlink_to("loop")
    scope = Scope({}, source="m.yaml")
    assert list(contents(pack(app, "src", scope=scope))) == ["x"]
    assert len(scope.warnings) == 1


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    app = grow(tmp_path, "src/x")
    os.mkfifo(app / "src" / "pipe")
    assert list(contents(pack(app, "src"))) == ["x"]


def test_what_can_be_executed_stays_so(tmp_path: Path) -> None:
    app = grow(tmp_path, "src/exec", "src/plain")
    (app / "src" / "exec").chmod(0o750)
    (app / "src" / "plain").chmod(0o640)
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(pack(app, "src").code))) as archive:
        modes = {one.filename: oct(one.external_attr >> 16) for one in archive.infolist()}
    assert modes == {"exec": "0o100755", "plain": "0o100644"}


def test_the_same_files_are_the_same_archive_whatever_their_times(tmp_path: Path) -> None:
    one, two = (grow(tmp_path / name, *FILES) for name in ("one", "two"))
    os.utime(two / "src" / "index.js", (0, 0))
    (two / "src" / "note.md").chmod(0o600)
    assert pack(one, "src") == pack(two, "src")


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path, *FILES)
    monkeypatch.setattr(tree, "FILES_MAX", 3)
    assert reason(tmp_path, "src") == "m.yaml:5: there are more than 3 files or 256 MB to pack"


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    grow(tmp_path, "src/x")
    (tmp_path / "src" / os.fsdecode(b"\xff.js")).write_text("x")
    assert "is not UTF-8" in reason(tmp_path, "src")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=20), min_size=1, max_size=5)
)
def test_a_packed_folder_unpacks_to_its_files(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    app = tmp_path_factory.mktemp("app")
    (app / "src").mkdir()
    (app / "src" / "always").write_bytes(b"there")
    for name, content in files.items():
        (app / "src" / name).write_bytes(content)
    found = pack(app, "src")
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(found.code))) as archive:
        unpacked = {name: archive.read(name) for name in archive.namelist()}
    assert unpacked == {"always": b"there"} | {name: content for name, content in files.items() if content}
    assert executable("nodejs:20", found.code).binary


def test_a_star_stands_for_one_level(tmp_path: Path) -> None:
    grow(tmp_path, "a/x.js", "a/.y.js", "a/b/z.js", "c/x.js")
    found = {
        pattern: [tail for _, tail in matches(tmp_path, pattern)]
        for pattern in ("a/*.js", "*/x.js", "a/**", "a")
    }
    assert found == {
        "a/*.js": [".y.js", "x.js"],
        "*/x.js": ["a/x.js", "c/x.js"],
        "a/**": [".y.js", "b", "x.js"],
        "a": [""],
    }
