"""Actions that mean harm, in each confinement: each ends as it should, and the next one is not touched.

What a confinement can't keep an action from is named in the test: RLIMITS is what an ordinary user gets.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from couchgrass.functions.activation import Status
from couchgrass.functions.entity import Limits
from couchgrass.functions.run.response import of_run
from couchgrass.functions.runtimes.cell import End
from couchgrass.functions.runtimes.confine import descendants
from couchgrass.functions.runtimes.process_cell import ProcessCell
from couchgrass.functions.runtimes.sandbox import Confinement
from tests.functions.runtimes.driver import KINDS, Driver, Ran

PYTHON, NODEJS = KINDS
ECHO = {PYTHON: "def main(args): return args", NODEJS: "function main(args) { return args }"}
AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="package")
def warm(each_driver: Driver) -> list[Ran]:
    """A cell of each kind that has loaded its code."""
    cells = [each_driver.do(kind, ECHO[kind], {"n": 1}) for kind in KINDS]
    each_driver.given.clear()
    return cells


@pytest.fixture(autouse=True)
def neighbours(confined: Driver, warm: list[Ran]) -> Iterator[None]:
    """The warm cells outlive what a test does, and so does the platform."""
    yield
    for ran in warm:
        assert confined.again(ran, {"n": 2}).body == {"n": 2}


def ended(driver: Driver, ran: Ran) -> None:
    """Nothing of it is left."""
    driver.end(ran)
    assert isinstance(ran.cell, ProcessCell)
    place = ran.cell.process.place
    if place.uid is not None:
        driver.until(lambda: not list(processes_of(place.uid)))
    if not ran.cell.process.has_namespaces:
        driver.until(lambda: not Path(place.home).exists())


def processes_of(uid: int | None) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid and "\nState:\tZ" not in (folder / "status").read_text():
                yield int(folder.name)
        except OSError:
            continue


ENDLESS = {
    "a loop": (PYTHON, "def main(args):\n    while True: pass"),
    "a loop in C": (PYTHON, "def main(args):\n    sum(iter(int, 1))"),
    "a loop in JavaScript": (NODEJS, "function main() { for (;;); }"),
    "a promise that is never kept": (NODEJS, "function main() { return new Promise(() => {}) }"),
    "signals that are ignored": (
        PYTHON,
        "import signal\ndef main(args):\n    for n in {1, 2, 3, 13, 15}: signal.signal(n, signal.SIG_IGN)\n"
        "    while True: signal.pause()",
    ),
    "a stopped process": (PYTHON, "import os, signal\ndef main(args): os.kill(os.getpid(), signal.SIGSTOP)"),
    "a loop in another session": (
        PYTHON,
        "import os, subprocess\ndef main(args):\n    subprocess.Popen(['sh', '-c', 'while :; do :; done'], "
        "start_new_session=True)\n    while True: pass",
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_does_not_end_is_ended_at_the_timeout(confined: Driver, what: str) -> None:
    kind, code = ENDLESS[what]
    ran = confined.do(kind, code, timeout_s=0.2)
    assert ran.outcome.end is End.TIMED_OUT
    assert ran.outcome.took_ms >= 199
    assert not ran.cell.alive
    ended(confined, ran)


def test_loading_has_its_timeout_too(confined: Driver) -> None:
    for kind, code in ((PYTHON, "while True: pass"), (NODEJS, "for (;;);")):
        ran = confined.load(kind, code, timeout_s=0.2)
        assert ran.init.end is End.TIMED_OUT
        ended(confined, ran)


HOGS = {
    "a list": (PYTHON, "def main(args):\n    a = []\n    while True: a.append(bytearray(4_000_000))"),
    "one large piece": (PYTHON, "def main(args): return {'a': len(bytearray(8_000_000_000))}"),
    "a child": (
        PYTHON,
        "import subprocess, sys\ndef main(args):\n    subprocess.run([sys.executable, '-c', "
        "'import time; a = [bytearray(4_000_000) for n in range(150)]; time.sleep(60)'])",
    ),
    "at loading": (PYTHON, "a = []\nwhile True: a.append(bytearray(4_000_000))"),
    "objects": (NODEJS, "function main() { const a = []; for (;;) a.push({ a: [a.length] }) }"),
    "buffers": (NODEJS, "function main() { const a = []; for (;;) a.push(Buffer.alloc(4e6, 1)) }"),
}


@pytest.mark.parametrize("what", HOGS)
def test_too_much_memory_ends_it(confined: Driver, what: str) -> None:
    kind, code = HOGS[what]
    ran = confined.load(kind, code, limits=Limits(memory=128))
    if ran.init.end is End.DONE:
        ran = confined.again(ran)
        assert ran.outcome.end is End.OUT_OF_MEMORY
    else:
        assert ran.init.end is End.OUT_OF_MEMORY
    ended(confined, ran)


def test_memory_that_could_be_shared_counts(confined: Driver) -> None:
    code = "import mmap\ndef main(args):\n    m = mmap.mmap(-1, 400_000_000)\n"
    code += "    while True: m[:] = bytes(400_000_000)"
    ran = confined.do(PYTHON, code, limits=Limits(memory=256))
    assert ran.outcome.end is End.OUT_OF_MEMORY
    ended(confined, ran)


UNCOUNTED = {
    "a file in memory": "os.memfd_create('m')",
    "a segment of System V": "check(libc.shmget(0, 1 << 20, 0o1600))",
    "a keyring": "check(libc.syscall(250 if os.uname().machine == 'x86_64' else 219, 0, -4, 1, 0, 0))",
}


@pytest.mark.parametrize("what", UNCOUNTED)
def test_what_no_limit_counts_and_what_users_share_can_not_be_had(driver: Driver, what: str) -> None:
    if driver.runtimes.confinement is not Confinement.BUBBLEWRAP:
        pytest.skip("the kernel refuses namespaces")
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def main(args):
    try:
        {UNCOUNTED[what]}
    except OSError as error:
        return {{"errno": error.errno}}
    return {{"had": True}}
"""
    assert driver.do(PYTHON, code).body == {"errno": errno.ENOSYS}


def test_a_result_that_nests_without_end_is_an_answer(confined: Driver) -> None:
    code = "function main() { let a = []; for (let n = 0; n < 3000; n++) a = [a]; return { a } }"
    ran = confined.do(NODEJS, code)
    assert of_run(ran.outcome, 1).status is Status.DEVELOPER_ERROR
    assert confined.again(ran).outcome.end is End.DONE


def test_a_garbage_maker_is_no_hog(confined: Driver) -> None:
    code = "function main() { let s = 0; for (let n = 0; n < 3e6; n++) s += [n, { n }].length; return { s } }"
    ran = confined.do(NODEJS, code, limits=Limits(memory=128))
    assert ran.body == {"s": 6e6}


BOMBS = {
    PYTHON: "import os\ndef main(args):\n"
    "    while True:\n        try: os.fork()\n        except OSError: pass",
    NODEJS: "const { spawn } = require('child_process'); function main() { "
    "setInterval(() => spawn('sh', ['-c', 'sleep 100 & sleep 100 & wait']).on('error', () => {}), 1); "
    "return new Promise(() => {}) }",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(not AS_ROOT, reason="counts processes by their user")
def test_a_fork_bomb_stays_within_its_bounds_and_is_swept_up(confined: Driver, kind: str) -> None:
    ran = confined.do(kind, BOMBS[kind], timeout_s=0.5)
    assert ran.outcome.end in (End.TIMED_OUT, End.DIED, End.OUT_OF_MEMORY)
    ended(confined, ran)


def test_a_detached_child_ends_with_its_cell(confined: Driver) -> None:
    code = """
import os, subprocess
def main(args):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "1000"])
        os._exit(0)
    os.wait()
    return {}
"""
    ran = confined.do(PYTHON, code)
    assert ran.outcome.status == 200
    assert isinstance(ran.cell, ProcessCell)
    below = descendants(ran.cell.process.pid)
    assert len(below) >= 2
    confined.end(ran)
    confined.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))


def test_a_child_that_outlives_the_process_is_not_waited_for(confined: Driver) -> None:
    code = "import os, subprocess\ndef main(args):\n    subprocess.Popen(['sleep', '1000'])\n    os._exit(1)"
    ran = confined.do(PYTHON, code)
    assert ran.outcome.end is End.DIED
    ended(confined, ran)


@pytest.mark.parametrize("kind", KINDS)
def test_a_child_that_goes_on_writing_holds_nothing_up(confined: Driver, kind: str) -> None:
    code = {
        PYTHON: "import subprocess\ndef main(args):\n"
        "    if args['n'] == 0: subprocess.Popen(['yes'])\n    return args",
        NODEJS: "function main(args) { if (args.n === 0) require('child_process').spawn('yes', "
        "{ stdio: ['ignore', 'inherit', 'inherit'] }); return args }",
    }[kind]
    ran = confined.do(kind, code, {"n": 0})
    for n in range(4):
        assert ran.body == {"n": n}
        confined.again(ran, {"n": n + 1})
    ended(confined, ran)


FDS = {
    "close, Python": (PYTHON, "import os\ndef main(args):\n    os.closerange(3, 4096)\n    return {}"),
    "close, Node.js": (
        NODEJS,
        "const fs = require('fs');"
        "function main() { for (let n = 3; n < 4096; n++) try { fs.closeSync(n) } catch {} return {} }",
    ),
    "garbage, Python": (
        PYTHON,
        "import os\ndef main(args):\n    for n in range(3, 4096):\n        try: os.write(n, b'garbage' * 9)\n"
        "        except OSError: pass\n    return {}",
    ),
    "garbage, Node.js": (
        NODEJS,
        "const fs = require('fs'); function main() { "
        "for (let n = 3; n < 4096; n++) { try { fs.writeSync(n, 'garbage'.repeat(9)) } catch {} } "
        "return new Promise(() => {}) }",
    ),
    "an answer to another question": (
        PYTHON,
        "import os, struct\ndef main(args):\n"
        "    frame = struct.pack('>IcIHQ', 17, b'A', 99, 200, 2) + b'{}'\n"
        "    for n in range(3, 4096):\n        try: os.write(n, frame)\n        except OSError: pass\n"
        "    return {}",
    ),
    "a right answer behind a wrong one": (
        PYTHON,
        "import os, struct\ndef main(args):\n"
        "    frames = b''.join(struct.pack('>IcIHQ', 17, b'A', n, 200, 2) + b'{}' for n in (99, 2))\n"
        "    for n in range(3, 4096):\n        try: os.write(n, frames)\n        except OSError: pass\n"
        "    return {}",
    ),
    "an answer that is no JSON": (
        PYTHON,
        "import os, struct\ndef main(args):\n"
        "    frame = struct.pack('>IcIHQ', 17, b'A', 2, 200, 2) + b'{{'\n"
        "    for n in range(3, 4096):\n        try: os.write(n, frame)\n        except OSError: pass\n"
        "    return {}",
    ),
}


@pytest.mark.parametrize("what", FDS)
def test_who_meddles_with_the_pipes_is_ended(confined: Driver, what: str) -> None:
    kind, code = FDS[what]
    ran = confined.do(kind, code)
    assert ran.outcome.end is End.DIED
    ended(confined, ran)


def test_a_controller_with_many_connections_starts_cells() -> None:
    """They get the numbers of its pipes, which are above what select() takes."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(4096, limits[0]), limits[1]))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        driver = Driver()
        for kind in KINDS:
            assert driver.do(kind, ECHO[kind], {"n": 1}).body == {"n": 1}
        driver.end_all()
        driver.close()
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_what_looks_like_an_answer_is_a_line_of_log(confined: Driver) -> None:
    frame = b"\0\0\0\x11A\0\0\0\x02\0\xc8\0\0\0\0\0\0\0\x02{}"
    code = f"import sys\ndef main(args):\n    sys.stdout.buffer.write({frame!r})\n    return {{'real': 1}}"
    ran = confined.do(PYTHON, code)
    assert ran.body == {"real": 1}
    assert ran.logs.lines[0][2] == frame


LOOKING = """
import ctypes, os, signal
def tried(call):
    try: return call()
    except BaseException as error: return type(error).__name__
def main(args):
    libc = ctypes.CDLL(None)
    return {
        "read": {p: tried(lambda: open(p).read()) for p in args["read"]},
        "write": {p: tried(lambda: open(p, "w").write("x")) for p in args["write"]},
        "kill": [tried(lambda: os.kill(p, signal.SIGUSR1)) for p in args["kill"]],
        "trace": [libc.ptrace(16, p, 0, 0) for p in args["kill"]],
        "proc": tried(lambda: [p for p in os.listdir("/proc") if p.isdecimal()]),
        "uid": os.getuid(),
        "raised": tried(lambda: os.setuid(0)),
        "mounted": libc.mount(b"none", b"/tmp", b"tmpfs", 0, 0),
    }
"""
LOOKING_JS = """
const fs = require('fs');
const tried = (call) => { try { return call() } catch (error) { return error.code || error.name } };
function main(args) {
  const each = (list, call) => Object.fromEntries(list.map((p) => [p, tried(() => call(p))]));
  return {
    read: each(args.read, (p) => fs.readFileSync(p, 'utf8')),
    write: each(args.write, (p) => { fs.writeFileSync(p, 'x'); return 1 }),
    kill: args.kill.map((p) => tried(() => process.kill(p, 'SIGUSR1'))),
    trace: [-1],
    proc: tried(() => fs.readdirSync('/proc').filter((p) => /^\\d+$/.test(p))),
    uid: process.getuid(),
    raised: tried(() => process.setuid(0)),
    mounted: -1,
  };
}
"""


def looked(driver: Driver, kind: str, **value: Any) -> dict[str, Any]:
    ran = driver.do(kind, LOOKING if kind == PYTHON else LOOKING_JS, value)
    assert ran.outcome.status == 200
    found: dict[str, Any] = ran.body
    assert "error" not in found, found
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_platform_is_seen(confined: Driver, kind: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    secret.chmod(0o600)
    open_to_all = Path(__file__)
    system = ["/etc/x", "/usr/x", "/usr/bin/x", "/x", "/etc/passwd", "/dev/x", sys.executable]
    strong = confined.runtimes.confinement is not Confinement.RLIMITS
    kill = [os.getpid(), os.getppid()] if strong or AS_ROOT else []
    read = ["/etc/shadow", str(secret), str(open_to_all), f"/proc/{os.getpid()}/environ", "/proc/1/environ"]
    found = looked(confined, kind, read=read, write=system, kill=kill)
    refused = [found["read"][path] for path in read]
    if confined.runtimes.confinement is Confinement.BUBBLEWRAP:
        refused.pop()  # the first process of its own namespace, with its own environment
    if not strong:
        del refused[2]
    if not (strong or AS_ROOT):
        del refused[1:3]
    assert all(len(text) < 20 and "secret" not in text for text in refused), found["read"]
    assert all(isinstance(what, str) for what in found["write"].values()), found["write"]
    assert all(isinstance(what, str) for what in found["kill"])
    assert set(found["trace"]) <= {-1}
    match confined.runtimes.confinement:
        case Confinement.BUBBLEWRAP:
            assert found["proc"] == ["1", "2"]
        case Confinement.LANDLOCK:
            assert isinstance(found["proc"], str)
    assert found["uid"] != 0 or not AS_ROOT
    assert isinstance(found["raised"], str)
    assert found["mounted"] == -1


@pytest.mark.skipif(not AS_ROOT, reason="in RLIMITS an ordinary user's processes may end each other")
def test_one_that_kills_all_it_can_kills_only_itself(confined: Driver) -> None:
    for kind, code in (
        (PYTHON, "import os\ndef main(args):\n    try: os.kill(-1, 9)\n    finally: os.kill(os.getpid(), 9)"),
        (
            NODEJS,
            "function main() { try { process.kill(-1, 'SIGKILL') } "
            "finally { process.kill(process.pid, 'SIGKILL') } }",
        ),
    ):
        ran = confined.do(kind, code)
        assert ran.outcome.end is End.DIED
        ended(confined, ran)


def test_cells_see_nothing_of_each_other(confined: Driver) -> None:
    writer = confined.do(
        PYTHON,
        "import os, tempfile\ndef main(args):\n    open('mine', 'w').write('x')\n"
        "    return {'home': os.environ['HOME'], 'temp': tempfile.mkstemp()[1]}",
    )
    reader = """
import os
def main(args):
    found = []
    for folder in args["folders"]:
        try: found += [name for name in os.listdir(folder)]
        except OSError: pass
    return {"found": found}
"""
    home, temp = writer.body["home"], writer.body["temp"]
    if confined.runtimes.confinement is Confinement.RLIMITS:
        return
    folders = [home, f"{home}/code", str(Path(temp).parent)]
    found = confined.do(PYTHON, reader, {"folders": folders}).body["found"]
    assert not {"mine", Path(temp).name} & set(found)


def test_the_home_is_bounded_and_gone_with_the_cell(confined: Driver) -> None:
    code = """
import os
def grown(name, size):
    with open(name, "wb") as out:
        try: os.posix_fallocate(out.fileno(), 0, size << 20)
        except OSError as error: return os.strerror(error.errno)
def main(args): return {"one": grown("one", 300), "two": [grown("two", 150), grown("three", 150)]}
"""
    ran = confined.do(PYTHON, code)
    assert ran.body["one"] == "File too large"
    if confined.runtimes.confinement is Confinement.BUBBLEWRAP:
        assert ran.body["two"] == [None, "No space left on device"]
    ended(confined, ran)
