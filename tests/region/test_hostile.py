"""Actions that mean harm, the whole way: by the REST API and as web actions of a real region.

Each ends as OpenWhisk ends it. Its own next invocation is well, a warm action of each language beside it
stays warm, and the region's processes go on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from couchgrass.functions.runtimes.confine import descendants
from couchgrass.functions.runtimes.sandbox import Confinement, confinement
from couchgrass.region.places import ACCOUNT, ADMIN
from couchgrass.testing.call import call
from couchgrass.testing.gate import gate
from couchgrass.testing.region import SERVERS, Owner, RegionProcess, running_region

pytestmark = pytest.mark.timeout(300)
"""A start of the whole region, and what is deployed to it, counts for the first test."""

KINDS = {"python": "python:3", "nodejs": "nodejs:20"}
FAILED = "There was an error processing your request."
DIED = "The action did not produce a valid response and exited unexpectedly."
MEMORY = "The action exhausted its memory and was aborted."
SLOW_MS = 1500
"""An action that is told to behave has to start within it too, beside what is left of a fork bomb."""
SLOW = f"The action exceeded its time limits of {SLOW_MS} milliseconds."
MISSING = "The action did not initialize or run as expected. Log data might be missing."
DEVELOPER, APPLICATION, SUCCESS = "action developer error", "application error", "success"


LIMITS = {"memory": 128, "timeout": 60_000, "logs": 10}
"""All of them, as an action that is put again keeps those that are not said."""


class Harm(NamedTuple):
    """What an action does, and how it ends: the status, and a pattern of the error or the whole result.

    The code is the body of `main`, after a line that returns when it is asked to behave.
    """

    code: str
    status: str
    ends: str | dict[str, Any]
    limits: Mapping[str, int] = MappingProxyType({})
    above: str = ""


PYTHON = {
    "an endless loop": Harm("while True: pass", DEVELOPER, re.escape(SLOW), {"timeout": SLOW_MS}),
    "a memory hog": Harm(
        "a = []\n    while True: a.append(bytearray(4_000_000))", DEVELOPER, re.escape(MEMORY)
    ),
    "a fork bomb": Harm(
        "while True:\n        try: os.fork()\n        except OSError: pass",
        DEVELOPER,
        "|".join(map(re.escape, (SLOW, DIED, MEMORY))),
        {"timeout": SLOW_MS},
        "import os",
    ),
    "a huge result": Harm(
        "return {'a': 'b' * 2_000_000}",
        APPLICATION,
        r"The action produced a response that exceeded the allowed length: 20000\d\d > 1048576 bytes\. "
        r'The truncated response was: \{"a": ?"b+',
    ),
    "huge logs": Harm(
        "for n in range(40_000): print('b' * 100)\n    return {'a': 1}", SUCCESS, {"a": 1}, {"logs": 1}
    ),
    "an exit": Harm("os._exit(0)", DEVELOPER, re.escape(DIED), above="import os"),
    "an exit by exception": Harm("sys.exit(1)", DEVELOPER, ".*", above="import sys"),
    "an exception in a thread": Harm(
        "t = threading.Thread(target=lambda: 1 / 0)\n    t.start()\n    t.join()\n    return {'a': 1}",
        SUCCESS,
        {"a": 1},
        above="import threading",
    ),
    "binary output": Harm(
        "sys.stdout.buffer.write(bytes(range(256)) * 9)\n    return {'a': 1}",
        SUCCESS,
        {"a": 1},
        above="import sys",
    ),
    "a result that is no JSON": Harm("return {'a': {1, 2}}", DEVELOPER, ".+"),
    "a result that is no object": Harm("return 'text'", DEVELOPER, ".+"),
    "a key that is no text": Harm("return {'a': float('nan')}", DEVELOPER, ".+"),
    "an exception": Harm("raise ValueError('wrong')", APPLICATION, "wrong"),
    "a deep result": Harm("a = {}\n    for n in range(100_000): a = {'a': a}\n    return a", DEVELOPER, ".+"),
    "closed pipes": Harm(
        "os.closerange(3, 1024)\n    return {}", DEVELOPER, re.escape(DIED), above="import os"
    ),
    "garbage in the pipes": Harm(
        "for n in range(3, 1024):\n        try: os.write(n, b'garbage' * 9)\n        except OSError: pass\n"
        "    return {}",
        DEVELOPER,
        re.escape(DIED),
        above="import os",
    ),
    "the end of all processes": Harm(
        "try: os.kill(-1, 9)\n    finally: os.kill(os.getpid(), 9)",
        DEVELOPER,
        re.escape(DIED),
        above="import os",
    ),
}
NODEJS = {
    "an endless loop": Harm("for (;;);", DEVELOPER, re.escape(SLOW), {"timeout": SLOW_MS}),
    "a promise that is never kept": Harm(
        "return new Promise(() => {})", DEVELOPER, re.escape(SLOW), {"timeout": SLOW_MS}
    ),
    "a memory hog": Harm("const a = []; for (;;) a.push(Buffer.alloc(4e6, 1))", DEVELOPER, re.escape(MEMORY)),
    "a fork bomb": Harm(
        "setInterval(() => require('child_process').spawn('sh', ['-c', 'sleep 9 & sleep 9 & wait'])"
        ".on('error', () => {}), 1); return new Promise(() => {})",
        DEVELOPER,
        "|".join(map(re.escape, (SLOW, DIED, MEMORY))),
        {"timeout": SLOW_MS},
    ),
    "a huge result": Harm(
        "return { a: 'b'.repeat(2e6) }",
        APPLICATION,
        r"The action produced a response that exceeded the allowed length: 20000\d\d > 1048576 bytes\. "
        r'The truncated response was: \{"a":"b+',
    ),
    "huge logs": Harm(
        "for (let n = 0; n < 40000; n++) console.log('b'.repeat(100)); return { a: 1 }",
        SUCCESS,
        {"a": 1},
        {"logs": 1},
    ),
    "an exit": Harm("process.exit(0)", DEVELOPER, re.escape(DIED)),
    "an unhandled rejection": Harm(
        "Promise.reject(new Error('nobody listens')); return new Promise((r) => setTimeout(r, 300))",
        DEVELOPER,
        re.escape(DIED),
    ),
    "an exception in a timer": Harm(
        "setTimeout(() => { throw new Error('nobody listens') }); return new Promise(() => {})",
        DEVELOPER,
        re.escape(DIED),
    ),
    "binary output": Harm(
        "process.stdout.write(Buffer.from(Array.from({ length: 2304 }, (_, n) => n % 256))); return { a: 1 }",
        SUCCESS,
        {"a": 1},
    ),
    "a result that is no JSON": Harm("const a = {}; a.a = a; return a", DEVELOPER, ".+"),
    "a result that is no object": Harm("return 'text'", DEVELOPER, ".+"),
    "a result that throws": Harm("return { toJSON() { throw new Error('wrong') } }", DEVELOPER, ".+"),
    "an exception": Harm("throw new Error('wrong')", APPLICATION, ".+"),
    "closed pipes": Harm(
        "for (let n = 3; n < 999; n++) try { require('fs').closeSync(n) } catch {} return {}",
        DEVELOPER,
        re.escape(DIED),
    ),
    "garbage in the pipes": Harm(
        "for (let n = 3; n < 999; n++) try { require('fs').writeSync(n, 'garbage'.repeat(9)) } catch {} "
        "return new Promise(() => {})",
        DEVELOPER,
        re.escape(DIED),
    ),
    "the end of all processes": Harm(
        "try { process.kill(-1, 'SIGKILL') } finally { process.kill(process.pid, 'SIGKILL') }",
        DEVELOPER,
        re.escape(DIED),
    ),
}
OUTWARD = ("a fork bomb", "the end of all processes")
"""What would reach the user's other processes where an ordinary user can't keep actions in namespaces."""

HARMS = {("python", what): harm for what, harm in PYTHON.items()} | {
    ("nodejs", what): harm for what, harm in NODEJS.items()
}


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionProcess]:
    with running_region(tmp_path_factory.mktemp("hostile")) as found:
        yield found


@pytest.fixture(scope="module")
def owner(region: RegionProcess) -> Owner:
    found = region.owner("guest")
    for kind, how in KINDS.items():
        found.put(f"neighbour-{kind}", how, written(kind, Harm("", SUCCESS, {})))
        assert behaves(found, f"neighbour-{kind}")
    return found


@pytest.fixture(autouse=True)
def neighbours(region: RegionProcess, owner: Owner) -> Iterator[None]:
    """They stay warm, and no process of the region ends."""
    before = [region.seen(name).pid for name in SERVERS]
    yield
    for kind in KINDS:
        assert behaves(owner, f"neighbour-{kind}") == "warm"
    assert [region.seen(name).pid for name in SERVERS] == before


def written(kind: str, harm: Harm) -> str:
    if kind == "python":
        head = f"{harm.above}\ndef main(args):\n    if args.get('well'): return {{'well': True}}\n"
        return f"{head}    {harm.code}\n"
    return f"function main(args) {{ if (args.well) return {{ well: true }}; {harm.code} }}"


def behaves(owner: Owner, name: str) -> str:
    """Runs it well: whether its process was warm."""
    answer = owner.invoke(name, {"well": True})
    assert (answer.status, answer.json()["response"]["result"]) == (200, {"well": True}), answer
    cold = any(each["key"] == "initTime" for each in answer.json()["annotations"])
    return "cold" if cold else "warm"


@pytest.mark.parametrize(("kind", "what"), HARMS, ids=[f"{kind}: {what}" for kind, what in HARMS])
def test_it_ends_as_openwhisk_ends_it(region: RegionProcess, owner: Owner, kind: str, what: str) -> None:
    if what in OUTWARD:
        needs_walls()
    harm = HARMS[kind, what]
    owner.put("harm", KINDS[kind], written(kind, harm), web=True, **{**LIMITS, **harm.limits})
    behaves(owner, "harm")
    answer = owner.invoke("harm")
    response = answer.json()["response"]
    assert answer.status == (200 if harm.status == SUCCESS else 502)
    assert response["status"] == harm.status, response
    check_result(harm, response["result"])
    check_logs(harm, owner.ask("GET", f"activations/{answer.json()['activationId']}/logs").json()["logs"])
    again = behaves(owner, "harm")
    assert again == ("cold" if harm.status == DEVELOPER else "warm") or what == "a huge result"
    by_web(owner, harm, response["result"])
    behaves(owner, "harm")


def check_result(harm: Harm, result: Any) -> None:
    if isinstance(harm.ends, dict):
        assert result == harm.ends
    else:
        error = result["error"]
        assert re.match(harm.ends, error if isinstance(error, str) else str(error)), str(result)[:500]


def check_logs(harm: Harm, logs: list[str]) -> None:
    if harm.limits.get("logs"):
        assert sum(len(line) + 1 for line in logs[:-1]) <= 1024 * 1024
        assert logs[-1].endswith("exceeds the limit of 1048576 bytes.")
    if harm.ends in (re.escape(SLOW), re.escape(MEMORY), re.escape(DIED)):
        assert logs[-1].endswith(MISSING)


def by_web(owner: Owner, harm: Harm, result: Any) -> None:
    """The same as a web action: its caller learns only what it says itself, in the form that is asked for."""
    answer = call(owner.url, "GET", owner.web("harm") + ".json")
    match harm.status:
        case "success":
            assert (answer.status, answer.json()) == (200, harm.ends)
        case "action developer error":
            assert (answer.status, answer.json()["error"]) == (400, FAILED)
        case _:
            assert answer.status == (400 if isinstance(result["error"], str) else 200)


LATE = {
    "python": Harm(
        "threading.Thread(target=late).start()\n    return {'a': 1}",
        SUCCESS,
        {"a": 1},
        above="""
import socket, threading
def late():
    with socket.create_connection(("127.0.0.1", PORT)) as wire:
        wire.recv(1)
        print("late")
""",
    ),
    "nodejs": Harm(
        "require('net').connect(PORT, '127.0.0.1', () => {})"
        ".once('data', function () { console.log('late'); this.end() }); return { a: 1 }",
        SUCCESS,
        {"a": 1},
    ),
}
"""What they print is let go at PORT."""


@pytest.mark.parametrize("kind", KINDS)
def test_output_after_the_answer_is_nobodys(owner: Owner, kind: str) -> None:
    with gate() as open_gate:
        code = written(kind, LATE[kind]).replace("PORT", str(open_gate.port))
        owner.put("late", KINDS[kind], code, web=True, **LIMITS)
        behaves(owner, "late")
        answers = [owner.invoke("late")]
        waiting = open_gate.next()
        assert (answers[0].status, answers[0].json()["response"]["result"]) == (200, {"a": 1})
        waiting.let_go()
        waiting.until_gone()
        answers.append(owner.invoke("late", {"well": True}))
        assert answers[1].json()["response"]["result"] == {"well": True}
        assert not any(each["key"] == "initTime" for each in answers[1].json()["annotations"])
        for answer in answers:
            logs = owner.ask("GET", f"activations/{answer.json()['activationId']}/logs").json()["logs"]
            assert not any("late" in line for line in logs), logs


# --- looking around ------------------------------------------------------------------------------------

LOOK = {
    "python": """
import os
def tried(call):
    try: return call()
    except BaseException as error: return type(error).__name__
def walked(top, found):
    for folder, folders, files in os.walk(top):
        if folder in ("/usr", "/proc", "/sys", "/dev", "/lib", "/etc/ssl"): folders.clear(); continue
        found += [os.path.join(folder, name) for name in files]
        if len(found) > 5000: break
    return found
def main(args):
    return {
        "read": {p: tried(lambda: open(p, "rb").read(4000).decode("latin-1")) for p in args["read"]},
        "list": {p: tried(lambda: os.listdir(p)) for p in args["list"]},
        "kill": {p: tried(lambda: os.kill(int(p), 9)) for p in args["kill"]},
        "environment": dict(os.environ),
        "own": tried(lambda: open("/proc/self/environ").read()),
        "arguments": tried(lambda: open("/proc/self/cmdline").read()),
        "mounts": tried(lambda: open("/proc/self/mountinfo").read()),
        "files": walked("/", []),
    }
""",
    "nodejs": """
const fs = require('fs');
const tried = (call) => { try { return call() } catch (error) { return error.code || error.name } };
const each = (list, call) => Object.fromEntries(list.map((p) => [p, tried(() => call(p))]));
function main(args) {
  return {
    read: each(args.read, (p) => fs.readFileSync(p, 'latin1').slice(0, 4000)),
    list: each(args.list, (p) => fs.readdirSync(p)),
    kill: each(args.kill, (p) => { process.kill(Number(p), 'SIGKILL'); return null }),
    environment: { ...process.env },
    own: tried(() => fs.readFileSync('/proc/self/environ', 'latin1')),
    arguments: tried(() => fs.readFileSync('/proc/self/cmdline', 'latin1')),
    mounts: tried(() => fs.readFileSync('/proc/self/mountinfo', 'latin1')),
    files: [],
  };
}
""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_platform_is_seen_and_nobody_else_is_ended(
    region: RegionProcess, owner: Owner, kind: str
) -> None:
    needs_walls()
    functions = region.seen("functions").pid
    assert functions is not None
    assert region.supervisor is not None
    pids = [os.getpid(), region.supervisor.pid, functions, *descendants(functions)]
    read = [
        *map(str, secret_files(region)),
        *(f"/proc/{pid}/{name}" for pid in pids if pid > KILLED_FROM for name in ("environ", "maps")),
        "/etc/shadow",
        __file__,
        str(region.file),
    ]
    # In a namespace of its own the small numbers are its own processes.
    kill = [str(pid) for pid in pids if pid > KILLED_FROM]
    listed = [str(region.folder), str(region.data), str(Path(__file__).parent)]
    listed += [f"/proc/{pid}/{place}" for pid in kill for place in ("cwd", "fd")]
    owner.put("look", KINDS[kind], LOOK[kind], memory=256)
    answer = owner.invoke("look", {"read": read, "list": listed, "kill": kill})
    seen = answer.json()["response"]["result"]
    assert answer.status == 200, seen
    assert {path: text for path, text in seen["read"].items() if len(text) > 30} == {}
    assert {path: names for path, names in seen["list"].items() if isinstance(names, list) and names} == {}
    assert all(isinstance(how, str) for how in seen["kill"].values()), seen["kill"]
    told = answer.body.decode()
    for secret in secrets_of(region):
        assert secret not in told
    assert not [path for path in seen["files"] if path.startswith(str(region.data))]
    assert not [name for name in seen["environment"] if name.startswith(("COUCH", "PYTHONPATH", "SUDO"))]


KILLED_FROM = 100


def needs_walls() -> None:
    """As root each action is a user of its own; in namespaces it sees no process but its own."""
    if os.geteuid() != 0 and confinement() is not Confinement.BUBBLEWRAP:
        pytest.skip("here an action can do what its user can")


def secret_files(region: RegionProcess) -> list[Path]:
    """Files of the region that have something in them that is nobody's business."""
    names = (ADMIN, ACCOUNT, "functions/secret", "region.json", "keys/guest.json")
    found = [region.data / name for name in names]
    assert all(path.is_file() for path in found)
    return found


def secrets_of(region: RegionProcess) -> list[str]:
    words = re.findall(r"[\w-]{20,}", "\n".join(path.read_text() for path in secret_files(region)[:3]))
    assert len(words) >= 3
    return words
