"""The process that runs one Python action. Started as a script by another process, in a sandbox:

    python -I -S python_cell.py REQUESTS_FD ANSWERS_FD HOME UID PRELOAD

It imports the standard library only, and nothing of ours: it lies alone in the sandbox. The frames are those
of wire.py. What the action prints goes out as LOG frames from here, so that stdout and stderr keep their
order; file descriptors 1 and 2 stay for children and native code. The rules are OpenWhisk's:

- `main(dict)` gives a dict or a list, perhaps after an await; anything else is status 502;
- an exception is status 200 with {"error": its text}, its traceback is in the log;
- SystemExit and what else is no Exception ends the process, without an answer.

UID "-" keeps the one it has. PRELOAD may be ""; else it is run before the action's code, when the action has
accounts: it finds them as JSON in the environment as COUCHGRASS_ACCOUNTS. HOME/site-packages, when it is
there, holds the packages that every action may import.
"""

from __future__ import annotations

import base64
import gc
import importlib
import inspect
import io
import json
import linecache
import os
import resource
import select
import struct
import sys
import threading
import time
import traceback
import types
import zipfile
from pathlib import Path
from typing import Any, NoReturn

RESULT_BYTES_MAX = 1024 * 1024
LINE_BYTES_MAX = 64 * 1024
"""A longer line is cut into several."""
UNPACKED_BYTES_MAX = 240 * 1024 * 1024
"""Of an archive; a little under the size of the home."""
UNPACKED_FILES_MAX = 50_000

NO_CODE = "Missing main/no code to execute."
NOT_LOADED = "The action failed to generate or locate a binary. See logs for details."
NOT_STARTED = "Cannot start action. Check logs for details."
NO_RESULT = "The action did not return a dictionary or array."
TWICE = "Cannot initialize the action more than once."

WARM = """
    argparse asyncio base64 calendar collections concurrent.futures contextlib copy csv dataclasses datetime
    decimal email.message email.mime.text enum functools gzip hashlib heapq hmac html http.client http.cookies
    inspect io itertools json logging math mimetypes operator os.path pathlib pickle platform queue random re
    secrets shutil socket ssl string struct subprocess tempfile textwrap threading time traceback types typing
    unicodedata urllib.error urllib.parse urllib.request uuid warnings weakref
    xml.etree.ElementTree zipfile zlib
"""
"""Modules that are imported while the process waits for its action."""

HEAD = struct.Struct(">IcI")
READ_BYTES = 16 * 1024
"""What is made room for before it is known how long a request is: one system call for most of them."""


class Refused(Exception):
    """The code can't be loaded; the text is the answer's error."""


class Channel:
    """The two pipes. `number` is that of the request under way, 0 between two."""

    def __init__(self, requests_fd: int, answers_fd: int) -> None:
        self._requests_fd = requests_fd
        self._requests = select.poll()  # select() takes no file descriptor above 1023
        self._requests.register(requests_fd, select.POLLIN)
        self._answers_fd = answers_fd
        self.lock = threading.RLock()
        self._sending = False
        self.number = 0
        self.log_bytes_max = 0
        self.log_bytes_left = 0

    def receive(self) -> tuple[bytes, bytes]:
        """The next request: its kind and text. The process ends when there is nobody to send one."""
        taken = self._some(READ_BYTES)
        while len(taken) < HEAD.size:
            taken += self._some(READ_BYTES)
        length, kind, self.number = HEAD.unpack_from(taken)
        if len(taken) < length + 4:
            whole = bytearray(taken)
            while len(whole) < length + 4:
                whole += self._some(min(length + 4 - len(whole), 1 << 20))
            taken = bytes(whole)
        return kind, taken[HEAD.size :]

    def is_asked(self) -> bool:
        """Is there a request, or nobody left to send one?"""
        return bool(self._requests.poll(0))

    def _some(self, size: int) -> bytes:
        """What there is of the request. It is never more than that: the next one comes after the answer."""
        some = os.read(self._requests_fd, size)
        if not some:
            os._exit(0)
        return some

    def send(self, kind: bytes, rest: bytes) -> None:
        """Sends a frame. A signal handler that prints while one is being sent is not heard."""
        with self.lock:
            if self._sending:
                return
            self._sending = True
            left = memoryview(HEAD.pack(len(rest) + HEAD.size - 4, kind, self.number) + rest)
            try:
                while left:
                    left = left[os.write(self._answers_fd, left) :]
            except OSError:
                os._exit(1)
            self._sending = False

    def close(self) -> None:
        """For a forked child: it has no part in this."""
        for fd in (self._requests_fd, self._answers_fd):
            try:
                os.close(fd)
            except OSError:
                pass


class Lines(io.RawIOBase):
    """What sys.stdout or sys.stderr writes to: sends whole lines, each with its time."""

    def __init__(self, channel: Channel, stream: bytes, fd: int) -> None:
        self._channel = channel
        self._stream = stream
        self._fd = fd
        self._forked = False
        self._rest = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, written: Any) -> int:
        raw = bytes(written)
        if self._forked:
            return os.write(self._fd, raw)
        with self._channel.lock:
            *lines, rest = (self._rest + raw).split(b"\n")
            for line in lines:
                self._line(line)
            while len(rest) > LINE_BYTES_MAX:
                self._line(rest[:LINE_BYTES_MAX])
                rest = rest[LINE_BYTES_MAX:]
            self._rest = rest if self._channel.number else b""
        return len(raw)

    def _line(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, LINE_BYTES_MAX):
            part = line[start : start + LINE_BYTES_MAX]
            if self._channel.number and self._channel.log_bytes_left > 0:
                self._channel.log_bytes_left -= len(part) + 1
                self._channel.send(b"L", self._stream + struct.pack(">Q", time.time_ns()) + part)

    def end_line(self) -> None:
        """Sends the line that has no end yet."""
        with self._channel.lock:
            rest, self._rest = self._rest, b""
            if rest:
                self._line(rest)

    def leave(self) -> None:
        """For a forked child: from now on what is written goes to the file descriptor itself."""
        self._forked = True
        self._rest = b""


class Runner:
    """Takes requests one after the other."""

    def __init__(self, channel: Channel, home: Path, preload: str) -> None:
        self._channel = channel
        self._home = home
        self._preload = preload
        self._main: Any = None
        self._loop: Any = None
        self._told: dict[str, Any] = {}
        self._streams = (Lines(channel, b"1", 1), Lines(channel, b"2", 2))
        self._texts = tuple(
            io.TextIOWrapper(lines, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]
            for lines in self._streams
        )
        sys.stdout, sys.stderr = self._texts
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._channel.close()
        for lines in self._streams:
            lines.leave()

    def serve(self) -> NoReturn:
        """For ever."""
        while True:
            kind, text = self._channel.receive()
            try:
                asked = json.loads(text.decode("utf-8", "surrogatepass"))
                answer = self._init(asked) if kind == b"I" else self._run(asked)
                del asked
            except MemoryError:
                self._channel.send(b"M", b"")
                os._exit(1)
            except SystemExit as end:
                self._exit(end)
            except BaseException as error:  # noqa: BLE001 - the action's code may raise anything
                self._say(error)
                self._exit(SystemExit(1))
            self._answer(*answer)
            del text, answer

    def _exit(self, end: SystemExit) -> NoReturn:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        self._end_lines()
        os._exit(end.code & 255 if isinstance(end.code, int) else end.code is not None)

    def _end_lines(self) -> None:
        for text in (sys.stdout, sys.stderr):
            if text in self._texts:  # which hold nothing back
                continue
            try:
                text.flush()
            except (OSError, ValueError, AttributeError):
                pass
        for lines in self._streams:
            lines.end_line()

    def _answer(self, status: int, body: bytes) -> None:
        self._end_lines()
        with self._channel.lock:
            self._channel.send(b"A", struct.pack(">HQ", status, len(body)) + body[:RESULT_BYTES_MAX])
            self._channel.number = 0

    def _say(self, error: BaseException) -> None:
        """The traceback without our own frames."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        print("".join(traceback.format_exception(type(error), error, trace)), end="", file=sys.stderr)
        if isinstance(error, ModuleNotFoundError) and error.name:
            name = error.name.partition(".")[0]
            print(
                f"Put what has '{name}' into the action's zip, or let the operator run: "
                f"couchgrass runtime add python {name}",
                file=sys.stderr,
            )

    # --- init

    def _init(self, spec: dict[str, Any]) -> tuple[int, bytes]:
        self._channel.log_bytes_max = self._channel.log_bytes_left = spec["log_bytes_max"]
        if self._main is not None:
            print(TWICE, file=sys.stderr)
            return _error(403, TWICE)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = (
            spec["data_bytes_max"] if hard == resource.RLIM_INFINITY else min(hard, spec["data_bytes_max"])
        )
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        os.nice(spec["nice"])
        os.environ.update(spec["env"])
        try:
            self._main = self._load(spec)
        except Refused as refused:
            return _error(502, str(refused))
        except MemoryError:
            raise
        except SyntaxError as error:
            self._say(error)
            return _error(502, NOT_LOADED)
        except Exception as error:  # noqa: BLE001 - the action's code may raise anything
            self._say(error)
            return _error(502, NOT_STARTED)
        return 200, b'{"ok":true}'

    def _load(self, spec: dict[str, Any]) -> Any:
        if not spec["code"]:
            raise Refused(NO_CODE)
        folder = self._home / "code"
        folder.mkdir()
        os.chdir(folder)
        sys.argv = [str(folder / "main__.py")]
        sys.path.insert(0, str(folder))
        if spec["binary"]:
            code, file = _unpacked(spec["code"], folder)
            _activate(folder)
        else:
            code, file = spec["code"].encode("utf-8", "surrogatepass"), folder / "main__.py"
            file.write_bytes(code)
        if (packages := self._home / "site-packages").is_dir():
            _add_site(str(packages))
        if self._preload and spec["accounts"]:
            os.environ["COUCHGRASS_ACCOUNTS"] = json.dumps(spec["accounts"])
            text = Path(self._preload).read_text(encoding="utf-8")
            exec(compile(text, self._preload, "exec"), {"__name__": "preload"})  # noqa: S102
        return _main_of(code, file, spec["main"] or "main")

    # --- run

    def _run(self, message: dict[str, Any]) -> tuple[int, bytes]:
        self._channel.log_bytes_left = self._channel.log_bytes_max
        for key, value in message.items():
            if key != "value" and self._told.get(key) != value:
                os.environ["__OW_" + key.upper()] = value if isinstance(value, str) else json.dumps(value)
                self._told[key] = value
        if self._main is None:
            return _error(502, NOT_STARTED)
        try:
            result = self._main(message.get("value", {}))
            if not isinstance(result, dict) and inspect.isawaitable(result):
                result = self._awaited(result)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the action's code may raise anything
            self._say(error)
            result = {"error": str(error)}
        if not isinstance(result, dict | list | tuple):
            return _error(502, NO_RESULT)
        try:
            return 200, _json(result)
        except (TypeError, ValueError, RecursionError) as error:
            self._say(error)
            return _error(502, NO_RESULT)

    def _awaited(self, result: Any) -> Any:
        """One loop for all runs, so that what the action keeps open stays usable."""
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)

        async def whole() -> Any:
            return await result

        return self._loop.run_until_complete(whole())


def _error(status: int, text: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": text}).encode()


encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _json(result: Any) -> bytes:
    text = encoded(result)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which JSON readers refuse
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _unpacked(text: str, folder: Path) -> tuple[bytes, Path]:
    """The archive's files in `folder`; the code of its `__main__.py`. Raises Refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
            entries = archive.infolist()
            if len(entries) > UNPACKED_FILES_MAX or sum(e.file_size for e in entries) > UNPACKED_BYTES_MAX:
                print("The archive is too large when unpacked.", file=sys.stderr)
                raise Refused(NOT_LOADED)
            for entry in entries:
                _unpack(archive, entry, folder)
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, EOFError) as error:
        print(f"The archive can't be unpacked: {error}", file=sys.stderr)
        raise Refused(NOT_LOADED) from error
    file = folder / "__main__.py"
    if not file.is_file():
        print("Zip file does not include mandatory files.", file=sys.stderr)
        raise Refused(NOT_LOADED)
    return file.read_bytes(), file


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """`extract` keeps out of what is above the folder. Rights come along, links do not."""
    mode = entry.external_attr >> 16
    if mode & 0o170000 == 0o120000:
        return
    where = archive.extract(entry, folder)
    if mode & 0o111 and not entry.is_dir():
        Path(where).chmod(0o755)


def _activate(folder: Path) -> None:
    """What a `virtualenv` folder's own script would do."""
    for packages in sorted((folder / "virtualenv").glob("lib/python*/site-packages")):
        os.environ["VIRTUAL_ENV"] = str(folder / "virtualenv")
        _add_site(str(packages))


def _add_site(packages: str) -> None:
    import site

    site.addsitedir(packages)


def _main_of(code: bytes, file: Path, name: str) -> Any:
    module = types.ModuleType("main__")
    module.__file__ = str(file)
    sys.modules["main__"] = module
    linecache.lazycache(str(file), module.__dict__)
    exec(compile(code, str(file), "exec"), module.__dict__)  # noqa: S102
    main: Any = module
    for part in name.split("."):
        main = getattr(main, part)
    if not callable(main):
        raise TypeError(f"{name} is not a function")
    return main


def _become(uid: int) -> None:
    """An ordinary user, for good: nothing of the sandbox's set-up is left to it."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _warm(channel: Channel) -> None:
    """Imports what actions often do, until one comes: it shall not wait for what it may not need."""
    for name in WARM.split():
        if channel.is_asked():
            break
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.freeze()  # what was imported stays; the action's own collections need not walk it


def _as_in_a_program() -> None:
    """The built-ins that the module `site` adds for people at a terminal, as far as programs use them."""
    import builtins
    import site

    site.setquit()
    site.sethelper()
    builtins.copyright = builtins.credits = builtins.license = None  # type: ignore[assignment]


def main(arguments: list[str]) -> NoReturn:
    """The whole life of the process."""
    requests_fd, answers_fd, home, uid, preload = arguments
    channel = Channel(int(requests_fd), int(answers_fd))
    for fd in (requests_fd, answers_fd):
        os.set_inheritable(int(fd), False)
    if uid != "-":
        _become(int(uid))
    _as_in_a_program()
    runner = Runner(channel, Path(home), preload)
    channel.send(b"H", b"")
    _warm(channel)
    runner.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
