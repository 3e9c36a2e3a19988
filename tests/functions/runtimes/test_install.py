"""Real npm and pip, from a registry and a folder of the test's own."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from couchgrass.functions.runtimes.install import InstallFailed, install_nodejs, install_python


def tarball() -> bytes:
    """A package of npm's, whose install script would say that it ran."""
    manifest = {"name": "grass", "version": "1.0.0", "scripts": {"install": "touch ran"}}
    files = {"package.json": json.dumps(manifest), "index.js": "module.exports = 'green'"}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A registry with the one package "grass", that npm is set to."""
    content = tarball()

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            dist = {
                "tarball": f"{url}/grass.tgz",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode(),
            }
            version = {"name": "grass", "version": "1.0.0", "hasInstallScript": True, "dist": dist}
            packument = {"name": "grass", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
            bodies = {"/grass": json.dumps(packument).encode(), "/grass.tgz": content}
            body = bodies.get(self.path, b'{"error": "Not found"}')
            self.send_response(200 if self.path in bodies else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("npm_config_registry", url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


needs_npm = pytest.mark.skipif(
    shutil.which("npm", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}") is None,
    reason="npm is not installed here",
)


@needs_npm
@pytest.mark.usefixtures("registry")
def test_npm_installs_without_running_scripts(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    install_nodejs(tmp_path / "folder", ["grass@1"])
    package = tmp_path / "folder" / "node_modules" / "grass"
    assert (package / "index.js").read_text() == "module.exports = 'green'"
    assert not (package / "ran").exists()


@needs_npm
@pytest.mark.usefixtures("registry")
def test_npms_refusal_is_shown(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="npm could not install them") as refused:
        install_nodejs(tmp_path, ["moss"])
    assert "404" in refused.value.reason


def wheel(folder: Path) -> None:
    folder.mkdir()
    info = "grass-1.0.dist-info"
    with zipfile.ZipFile(folder / "grass-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("grass.py", "colour = 'green'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: grass\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


@pytest.mark.usefixtures("wheels")
def test_pip_installs_wheels_into_the_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    install_python(tmp_path / "folder", ["grass>=1"])
    code = "import sys; sys.path.insert(0, 'site-packages'); import grass; print(grass.colour)"
    found = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path / "folder", capture_output=True)
    assert found.stdout == b"green\n"


@pytest.mark.usefixtures("wheels")
def test_pips_refusal_is_shown(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="pip could not install them") as refused:
        install_python(tmp_path, ["moss"])
    assert "moss" in refused.value.reason


def test_without_npm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InstallFailed, match=r"install Node\.js 20"):
        install_nodejs(tmp_path, ["grass"])
