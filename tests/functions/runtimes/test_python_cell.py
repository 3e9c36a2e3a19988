"""Python actions, as OpenWhisk runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Code, End
from tests.functions.runtimes.driver import TIMEOUT_S, Driver, Logs, archive

KIND = "python:3"
ECHO = "def main(args): return args"
NO_RESULT = {"error": "The action did not return a dictionary or array."}


def test_main_gets_the_value_and_what_it_returns_is_the_answer(driver: Driver) -> None:
    for value in ({"a": 1, "ü": ["❄", None, 1.5, True]}, {"big": "a" * 900_000}):
        ran = driver.do(KIND, ECHO, value)
        assert (ran.outcome.end, ran.outcome.status, ran.body) == (End.DONE, 200, value)
        assert ran.outcome.size == len(ran.outcome.body)
        driver.end(ran)


def test_lines_keep_their_order_stream_and_time(driver: Driver) -> None:
    code = """
import sys
def main(args):
    for n in range(3):
        print("out", n)
        print("err", n, file=sys.stderr)
    sys.stdout.buffer.write(b"\\xff\\n")
    sys.stdout.write("no end")
    return {}
"""
    ran = driver.do(KIND, code)
    assert [(stream, text) for stream, _, text in ran.logs.lines] == [
        *((s, f"{w} {n}".encode()) for n in range(3) for s, w in (("stdout", "out"), ("stderr", "err"))),
        ("stdout", b"\xff"),
        ("stdout", b"no end"),
    ]
    times = [at_ns for _, at_ns, _ in ran.logs.lines]
    assert times == sorted(times)
    assert 1_600_000_000 < times[0] / 1e9 < 4_000_000_000


def test_output_of_children_and_native_code_is_there_by_the_answer(driver: Driver) -> None:
    code = """
import os, subprocess
def main(args):
    os.write(1, b"native\\n")
    subprocess.run(["sh", "-c", "echo child; echo wrong >&2"], check=True)
    if os.fork() == 0:
        print("forked", flush=True)
        os._exit(0)
    os.wait()
    return {}
"""
    ran = driver.do(KIND, code)
    assert ran.outcome.status == 200
    assert ran.logs.of("stdout") == ["native", "child", "forked"]
    assert ran.logs.of("stderr") == ["wrong"]


def test_the_environment_has_what_init_and_run_bring_and_nothing_else(driver: Driver) -> None:
    code = """
import os
AT_LOAD = os.environ.get("INITIAL")
def main(args): return {"env": dict(os.environ), "at_load": AT_LOAD}
"""
    ran = driver.load(KIND, code, env={"INITIAL": "yes", "EMPTY": ""})
    ran = driver.again(ran, {}, activation_id="a1", api_key="k:s", deadline="123")
    env = ran.body["env"]
    assert ran.body["at_load"] == "yes"
    assert (env["__OW_ACTIVATION_ID"], env["__OW_API_KEY"], env["__OW_DEADLINE"]) == ("a1", "k:s", "123")
    assert env["EMPTY"] == ""
    known = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "INITIAL", "EMPTY", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {name for name in env if not name.startswith("__OW_")} <= known


def test_state_stays_between_runs_and_main_may_have_another_name(driver: Driver) -> None:
    code = "n = 0\ndef niam(args):\n    global n\n    n += 1\n    return {'n': n}"
    ran = driver.load(KIND, code, main="niam")
    assert [driver.again(ran).body for _ in range(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_an_async_main_is_awaited_on_one_loop(driver: Driver) -> None:
    code = """
import asyncio
loops = set()
async def main(args):
    loops.add(id(asyncio.get_running_loop()))
    await asyncio.sleep(0)
    return {"loops": len(loops)}
"""
    ran = driver.load(KIND, code)
    assert [driver.again(ran).body for _ in range(3)] == [{"loops": 1}] * 3


def test_a_list_is_a_result(driver: Driver) -> None:
    assert driver.do(KIND, "def main(args): return [args, 1]", {"a": 1}).body == [{"a": 1}, 1]
    assert driver.do(KIND, ECHO, [1, 2]).body == [1, 2]


@pytest.mark.parametrize("result", ["None", "'text'", "1", "float('nan')", "{'a': float('inf')}"])
def test_what_is_no_object_is_refused(driver: Driver, result: str) -> None:
    ran = driver.do(KIND, f"def main(args): return {result}")
    assert (ran.outcome.status, ran.body) == (502, NO_RESULT)


@pytest.mark.parametrize("result", ["{'a': b'bytes'}", "{'a': {1, 2}}", "{(1, 2): 3}", "loop"])
def test_what_json_can_not_hold_is_refused_and_the_log_says_why(driver: Driver, result: str) -> None:
    ran = driver.do(KIND, f"loop = []\nloop.append(loop)\ndef main(args): return {result}")
    assert (ran.outcome.status, ran.body) == (502, NO_RESULT)
    assert "Error: " in ran.logs.text
    assert "python_cell" not in ran.logs.text


def test_half_a_character_is_replaced(driver: Driver) -> None:
    code = "def main(args): return {'a': '\\ud83d', 'b': '\\ud83d\\ude00'}"
    assert driver.do(KIND, code).body == {"a": "\ufffd", "b": "\U0001f600"}


def test_an_exception_is_the_application_s_error_and_the_cell_stays_warm(driver: Driver) -> None:
    code = "def main(args):\n    if args.get('bad'): raise ValueError('so bad')\n    return {'ok': 1}"
    ran = driver.do(KIND, code, {"bad": 1})
    assert (ran.outcome.status, ran.body) == (200, {"error": "so bad"})
    assert ran.logs.of("stderr")[0] == "Traceback (most recent call last):"
    assert ran.logs.of("stderr")[-1] == "ValueError: so bad"
    assert "raise ValueError('so bad')" in ran.logs.text
    assert "python_cell" not in ran.logs.text
    assert driver.again(ran).body == {"ok": 1}


def test_endless_recursion_is_an_exception(driver: Driver) -> None:
    ran = driver.do(KIND, "def main(args): return main(args)")
    assert ran.outcome.status == 200
    assert "recursion" in ran.body["error"]


@pytest.mark.parametrize("ending", ["import sys; sys.exit('bye')", "import os; os._exit(3)", "exit(1)"])
def test_an_exit_ends_it_without_an_answer(driver: Driver, ending: str) -> None:
    ran = driver.do(KIND, f"def main(args):\n    print('before')\n    {ending}")
    assert ran.outcome.end is End.DIED
    assert ran.logs.of("stdout") == ["before"]
    assert not ran.cell.alive
    assert driver.again(ran).outcome.end is End.DIED


def test_code_that_does_not_load_says_so(driver: Driver) -> None:
    not_found = {"error": "The action failed to generate or locate a binary. See logs for details."}
    not_started = {"error": "Cannot start action. Check logs for details."}
    for code, main, error, said in (
        ("def main(args) return", "", not_found, "SyntaxError"),
        ("import nothing_of_that_name", "", not_started, "ModuleNotFoundError"),
        ("import nothing.part", "", not_started, "couchgrass runtime add python nothing"),
        ("def other(args): return {}", "", not_started, "AttributeError"),
        ("main = 1", "", not_started, "not a function"),
        ("", "", {"error": "Missing main/no code to execute."}, ""),
    ):
        ran = driver.load(KIND, code, main=main)
        assert (ran.init.end, ran.init.status, json.loads(ran.init.body)) == (End.DONE, 502, error)
        assert said in ran.init_logs.text
        driver.end(ran)


def test_it_is_loaded_once(driver: Driver) -> None:
    ran = driver.load(KIND, ECHO)
    again = driver.run(
        ran.cell.init(Code("act", "", ECHO.encode(), False, ""), {}, timeout_s=TIMEOUT_S, logs=Logs())
    )
    assert (again.status, json.loads(again.body)) == (
        403,
        {"error": "Cannot initialize the action more than once."},
    )


def test_an_archive_brings_modules_files_and_a_virtual_environment(driver: Driver) -> None:
    site = "virtualenv/lib/python3.11/site-packages"
    code = archive(
        {
            "__main__.py": "import lib.part, installed\nfrom pathlib import Path\n"
            "def main(args): return {'a': lib.part.A, 'b': installed.B, 'c': Path('c.txt').read_text()}",
            "lib/__init__.py": "",
            "lib/part.py": "A = 1",
            f"{site}/installed.py": "B = 2",
            "c.txt": "three",
        }
    )
    assert driver.do(KIND, code).body == {"a": 1, "b": 2, "c": "three"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (archive({"main.py": ECHO}), "does not include mandatory files"),
        (b"this is no archive at all", "can't be unpacked"),
        (archive({"__main__.py": ECHO, "zeros": bytes(250 * 1024 * 1024)}), "too large when unpacked"),
    ],
)
def test_a_bad_archive_is_refused(driver: Driver, code: bytes, said: str) -> None:
    ran = driver.load(KIND, code)
    assert (ran.init.end, ran.init.status) == (End.DONE, 502)
    assert said in ran.init_logs.text


def test_an_archive_gets_nowhere_but_its_folder(driver: Driver) -> None:
    code = archive(
        {
            "__main__.py": "import os\ndef main(args):\n"
            "    return {'up': os.listdir('..'), 'tmp': os.listdir('/tmp')}",
            "../evil": "x",
            "/tmp/evil": "x",
        }
    )
    ran = driver.do(KIND, code)
    assert "evil" not in ran.body["up"]
    assert "evil" not in ran.body["tmp"]


def test_output_after_the_answer_is_dropped(driver: Driver) -> None:
    code = """
import threading, time, os
spoken = threading.Event()
def talk():
    while True:
        print("from the past")
        os.write(1, b"raw from the past\\n")
        spoken.set()
        time.sleep(0.001)
def main(args):
    if args.get("talk"):
        threading.Thread(target=talk, daemon=True).start()
        spoken.wait()
    return {"n": args.get("n")}
"""
    ran = driver.do(KIND, code, {"talk": 1})
    assert ran.outcome.status == 200
    for n in range(5):
        assert driver.again(ran, {"n": n}).body == {"n": n}


def test_a_large_result_is_cut_and_its_size_told(driver: Driver) -> None:
    ran = driver.do(KIND, "def main(args): return {'a': 'x' * args['n']}", {"n": RESULT_BYTES_MAX - 8})
    assert (ran.outcome.end, ran.outcome.size) == (End.DONE, RESULT_BYTES_MAX)
    ran = driver.again(ran, {"n": RESULT_BYTES_MAX - 7})
    assert (ran.outcome.end, ran.outcome.size) == (End.TOO_LARGE, RESULT_BYTES_MAX + 1)
    assert ran.outcome.body.startswith(b'{"a":"xxx')
    assert len(ran.outcome.body) == RESULT_BYTES_MAX


def test_logs_end_at_their_limit(driver: Driver) -> None:
    code = "def main(args):\n    for n in range(40_000): print('x' * 99)\n    return {}"
    ran = driver.do(KIND, code, limits=Limits(logs=1))
    total = sum(len(text) + 1 for _, _, text in ran.logs.lines)
    assert 1024 * 1024 < total <= 1024 * 1024 + 200
    assert ran.outcome.status == 200


def test_a_line_without_end_is_cut(driver: Driver) -> None:
    ran = driver.do(KIND, "import sys\ndef main(args): sys.stdout.write('x' * 200_000); return {}")
    assert [len(text) for _, _, text in ran.logs.lines] == [65536, 65536, 65536, 3392]


def test_packages_and_preload_are_there_before_the_code(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "preinstalled.py").write_text("NAME = 'given'")
    preload = tmp_path / "accounts.py"
    preload.write_text("import os, sys\nsys.accounts = os.environ['COUCHGRASS_ACCOUNTS']")
    driver = Driver(
        packages=lambda kind: tmp_path / "packages" if kind == KIND else None,
        preloads={"python": preload},
        env={"SHARED": "1"},
        stems={},
    )
    try:
        code = "import os, sys, preinstalled\nGIVEN = getattr(sys, 'accounts', None)\n"
        code += "def main(args): return {'a': GIVEN, 'p': preinstalled.NAME, 's': os.environ['SHARED']}"
        ran = driver.do(KIND, code, accounts=("acme",))
        assert ran.body == {"a": '["acme"]', "p": "given", "s": "1"}
        assert driver.do(KIND, code).body["a"] is None
        assert driver.load("python:3.9", code).init.status == 502
    finally:
        driver.close()


def test_the_action_sees_no_package_of_ours(driver: Driver) -> None:
    code = """
import importlib.util, os, sys
def main(args):
    names = ["couchgrass", "aiohttp", "pip", "python_cell"]
    return {"found": [n for n in names if importlib.util.find_spec(n)], "version": sys.version_info[:2]}
"""
    assert driver.do(KIND, code).body == {"found": [], "version": list(sys.version_info[:2])}
