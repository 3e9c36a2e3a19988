"""Node.js actions, as OpenWhisk runs them."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from couchgrass.functions.activation import RESULT_BYTES_MAX
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import End
from tests.functions.runtimes.driver import Driver, archive

KIND = "nodejs:20"
ECHO = "function main(args) { return args; }"
NO_RESULT = {"error": "The action did not return a dictionary or array."}


def test_main_gets_the_value_and_what_it_returns_is_the_answer(driver: Driver) -> None:
    for value in ({"a": 1, "ü": ["❄", None, 1.5, True]}, {"big": "a" * 900_000}, [1, 2]):
        ran = driver.do(KIND, ECHO, value)
        assert (ran.outcome.end, ran.outcome.status, ran.body) == (End.DONE, 200, value)
        assert ran.outcome.size == len(ran.outcome.body)


def test_main_is_found_where_apps_put_it(driver: Driver) -> None:
    for code, main in (
        (ECHO, ""),
        ("const main = (args) => args", ""),
        ("exports.main = (args) => args", ""),
        ("module.exports = { main: (args) => args }", "main"),
        ("'use strict'; exports.niam = (args) => args // and a remark", "niam"),
        ("const deep = { er: { main: (args) => args } }", "deep.er.main"),
        ("undeclared = (args) => args; function main(a) { return undeclared(a) }", ""),
        ("import os from 'os'; export function main(args) { return args }", ""),
        ("const os = await import('os'); export const main = (args) => args", ""),
        ("export default { main: (args) => args }", ""),
    ):
        assert driver.do(KIND, code, {"a": 1}, main=main).body == {"a": 1}, code


def test_promises_are_awaited_and_nothing_is_an_empty_object(driver: Driver) -> None:
    for code, body in (
        ("async function main() { return { a: 1 } }", {"a": 1}),
        ("function main() { return new Promise((done) => setTimeout(() => done({ a: 2 }), 1)) }", {"a": 2}),
        ("function main() { return { then: (done) => done({ a: 3 }) } }", {"a": 3}),
        ("function main() { }", {}),
        ("async function main() { }", {}),
        ("function main() { return [1, { a: undefined }] }", [1, {}]),
    ):
        assert driver.do(KIND, code).body == body, code


def test_what_is_thrown_is_the_application_s_error(driver: Driver) -> None:
    for code, error in (
        ("throw { code: 404, inner: { a: [1] } }", {"code": 404, "inner": {"a": [1]}}),
        ("throw 'text'", "text"),
        ("return Promise.reject()", {}),
        ("return Promise.reject({ error: 'x' })", {"error": "x"}),
        (
            "const o = { f() {}, b: Buffer.from('x') }; o.o = o; throw o",
            {"b": "[object Buffer]", "o": "[Circular]"},
        ),
    ):
        ran = driver.do(KIND, f"function main() {{ {code} }}")
        assert (ran.outcome.end, ran.outcome.status, ran.body) == (End.DONE, 200, {"error": error}), code
        assert ran.cell.alive
    error = driver.do(
        KIND,
        "function main() { throw Object.assign(new TypeError('bad'), { code: 'E', cause: new Error('x') }) }",
    ).body["error"]
    assert (error["name"], error["message"], error["code"]) == ("TypeError", "bad", "E")
    assert error["stack"].startswith("TypeError: bad\n")
    assert error["cause"]["message"] == "x"


@pytest.mark.parametrize(
    "result", ["null", "'text'", "1", "true", "() => 1", "new Date()", "{ n: 1n }", "loop"]
)
def test_what_is_no_object_is_refused(driver: Driver, result: str) -> None:
    ran = driver.do(KIND, f"const loop = {{}}; loop.loop = loop; function main() {{ return ({result}) }}")
    assert (ran.outcome.status, ran.body) == (502, NO_RESULT)


def test_half_a_character_is_replaced(driver: Driver) -> None:
    code = r"function main() { return { '\ud83d': '\ud83d', b: '\ud83d\ude00', c: '\\ud83d' } }"
    assert driver.do(KIND, code).body == {"\ufffd": "\ufffd", "b": "\U0001f600", "c": r"\ud83d"}


def test_lines_keep_their_order_stream_and_time(driver: Driver) -> None:
    code = """
function main() {
  for (let n = 0; n < 3; n++) { console.log('out %d', n); console.error('err', n) }
  console.log({ a: [1] });
  process.stdout.write(Buffer.from([0xff, 10]), () => {});
  process.stdout.write('no end');
  return {};
}"""
    ran = driver.do(KIND, code)
    assert [(stream, text) for stream, _, text in ran.logs.lines] == [
        *((s, f"{w} {n}".encode()) for n in range(3) for s, w in (("stdout", "out"), ("stderr", "err"))),
        ("stdout", b"{ a: [ 1 ] }"),
        ("stdout", b"\xff"),
        ("stdout", b"no end"),
    ]
    times = [at_ns for _, at_ns, _ in ran.logs.lines]
    assert times == sorted(times)
    assert 1_600_000_000 < times[0] / 1e9 < 4_000_000_000


def test_output_of_children_and_native_code_is_there_by_the_answer(driver: Driver) -> None:
    code = """
const { execSync, spawnSync } = require('child_process');
function main() {
  require('fs').writeSync(1, 'native\\n');
  spawnSync('sh', ['-c', 'echo child; echo wrong >&2'], { stdio: 'inherit' });
  return { date: execSync('date +%Y').toString().trim() };
}"""
    ran = driver.do(KIND, code)
    assert ran.logs.of("stdout") == ["native", "child"]
    assert ran.logs.of("stderr") == ["wrong"]
    assert len(ran.body["date"]) == 4


def test_the_environment_has_what_init_and_run_bring_and_nothing_else(driver: Driver) -> None:
    code = "const { env, argv } = process, at = env.INITIAL; function main() { return { env, at, argv } }"
    ran = driver.again(driver.load(KIND, code, env={"INITIAL": "yes", "EMPTY": ""}), {}, api_key="k:s")
    assert ran.body["at"] == "yes"
    assert ran.body["env"]["__OW_API_KEY"] == "k:s"
    known = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "INITIAL", "EMPTY", "PWD", "SHLVL", "_", "OLDPWD"}
    assert {name for name in ran.body["env"] if not name.startswith("__OW_")} <= known
    assert len(ran.body["argv"]) == 1


def test_state_stays_between_runs(driver: Driver) -> None:
    ran = driver.load(KIND, "let n = 0; function main() { return { n: ++n } }")
    assert [driver.again(ran).body for _ in range(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_code_that_does_not_load_says_so(driver: Driver) -> None:
    for code, main, status, said in (
        ("function main( {", "", 502, "SyntaxError"),
        ("require('nothing-of-that-name')", "", 502, "Cannot find module 'nothing-of-that-name'"),
        ("require('@a/nothing/part')", "", 502, "couchgrass runtime add nodejs @a/nothing"),
        ("import x from 'nothing'; export const main = x", "", 502, "couchgrass runtime add nodejs nothing"),
        ("function other() { }", "", 502, "Action entrypoint 'main' is not a function."),
        ("const main = 1", "", 502, "Action entrypoint 'main' is not a function."),
        (ECHO, "main; process.exit()", 502, "Name of main function is not valid."),
        ("", "", 403, "Missing main/no code to execute."),
    ):
        ran = driver.load(KIND, code, main=main)
        assert (ran.init.end, ran.init.status) == (End.DONE, status), code
        assert said in json.loads(ran.init.body)["error"]
        driver.end(ran)


def test_an_archive_is_a_package_with_its_modules(driver: Driver) -> None:
    module = {"node_modules/dep/index.js": "module.exports = 'dep'"}
    main = "const dep = require('dep'); exports.main = () => ({ dep, cwd: process.cwd() === __dirname })"
    for files, handler in (
        ({"index.js": main}, ""),
        (
            {
                "package.json": '{"main": "lib/start.js"}',
                "lib/start.js": main.replace("=== __dir", "!== __dir"),
            },
            "",
        ),
        ({"package.json": '{"main": "lib"}', "lib/index.js": main.replace("=== __dir", "!== __dir")}, ""),
        ({"package.json": "{}", "index.js": main.replace("exports.main", "exports.other")}, "other"),
        (
            {"package.json": "{}", "index.js": "1", "part.js": main.replace("exports.main", "exports.run")},
            "part.run",
        ),
        (
            {
                "package.json": '{"type": "module"}',
                "index.js": "import dep from 'dep'; export const main = () => ({ dep, cwd: true })",
            },
            "",
        ),
        ({"index.mjs": "import dep from 'dep'; export default { main: () => ({ dep, cwd: true }) }"}, ""),
    ):
        ran = driver.do(KIND, archive({**files, **module}), main=handler)
        assert ran.body == {"dep": "dep", "cwd": True}, files
        driver.end(ran)


def test_a_gzipped_tar_is_an_archive(driver: Driver) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as packed:
        name = "deep/" + "long" * 40 + ".js"
        for path, text in (
            ("package.json", json.dumps({"main": name})),
            (name, "exports.main = () => ({ deep: 1 })"),
        ):
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    assert driver.do(KIND, held.getvalue()).body == {"deep": 1}


def lying_zip() -> bytes:
    """An archive whose file is larger than it says."""
    packed = bytearray(archive({"index.js": "a" * 100_000}))
    at = packed.index(b"PK\x01\x02")
    packed[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(packed)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (archive({"main.js": ECHO}), "either package.json or index.js"),
        (b"this is no archive at all", "not a zip"),
        (archive({"index.js": ECHO})[:-30], "not a zip"),
        (archive({"index.js": ECHO, "zeros": bytes(250 * 1024 * 1024)}), "too large when unpacked"),
        (archive({"index.js": ECHO, "../evil": "x"}), "outside of itself"),
        (archive({"index.js": ECHO, "/tmp/evil": "x"}), "outside of itself"),
        (lying_zip(), "Cannot create a Buffer larger"),
    ],
)
def test_a_bad_archive_is_refused(driver: Driver, code: bytes, said: str) -> None:
    ran = driver.load(KIND, code)
    assert (ran.init.end, ran.init.status) == (End.DONE, 502)
    assert said in json.loads(ran.init.body)["error"]


def test_links_of_an_archive_stay_within_it(driver: Driver) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        packed.writestr("index.js", "exports.main = () => ({ files: require('fs').readdirSync('bin') })")
        for name, target in (("bin/in", "../index.js"), ("bin/up", "../../x"), ("bin/root", "/etc")):
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, 0o120777 << 16
            packed.writestr(link, target)
    assert driver.do(KIND, held.getvalue()).body == {"files": ["in"]}


@pytest.mark.parametrize(
    "ending",
    ["process.exit(0)", "setTimeout(() => { throw new Error('late') }); await new Promise(() => {})"],
)
def test_an_exit_ends_it_without_an_answer(driver: Driver, ending: str) -> None:
    ran = driver.do(KIND, f"async function main() {{ console.log('before'); {ending} }}")
    assert ran.outcome.end is End.DIED
    assert ran.logs.of("stdout") == ["before"]
    assert ("late" in ran.logs.text) == ("late" in ending)
    assert not ran.cell.alive


def test_a_rejection_that_nobody_handles_is_told_in_old_kinds_and_ends_new_ones(driver: Driver) -> None:
    code = """
function main() {
  Promise.reject(new Error('lost'));
  return new Promise((done) => setTimeout(() => done({ buffer: new Buffer('x').length }), 5));
}"""
    old = driver.do("nodejs:8", code)
    assert old.body == {"buffer": 1}
    assert "UnhandledPromiseRejectionWarning: Error: lost" in old.logs.text
    assert "Deprecation" not in old.logs.text
    new = driver.do(KIND, code)
    assert new.outcome.end is End.DIED
    assert "lost" in new.logs.text


def test_output_after_the_answer_is_dropped(driver: Driver) -> None:
    code = """
function main(args) {
  if (args.talk) {
    setInterval(() => { console.log('past'); require('fs').writeSync(1, 'raw past\\n') }, 1);
  }
  return new Promise((done) => setImmediate(() => done({ n: args.n })));
}"""
    ran = driver.do(KIND, code, {"talk": 1, "n": 0})
    for n in range(5):
        assert driver.again(ran, {"n": n}).body == {"n": n}


def test_a_large_result_is_cut_and_its_size_told(driver: Driver) -> None:
    ran = driver.do(
        KIND, "function main(args) { return { a: 'x'.repeat(args.n) } }", {"n": RESULT_BYTES_MAX - 8}
    )
    assert (ran.outcome.end, ran.outcome.size) == (End.DONE, RESULT_BYTES_MAX)
    ran = driver.again(ran, {"n": RESULT_BYTES_MAX - 7})
    assert (ran.outcome.end, ran.outcome.size) == (End.TOO_LARGE, RESULT_BYTES_MAX + 1)
    assert len(ran.outcome.body) == RESULT_BYTES_MAX


def test_logs_end_at_their_limit(driver: Driver) -> None:
    code = "function main() { for (let n = 0; n < 40000; n++) console.log('x'.repeat(99)); return {} }"
    ran = driver.do(KIND, code, limits=Limits(logs=1))
    total = sum(len(text) + 1 for _, _, text in ran.logs.lines)
    assert 1024 * 1024 < total <= 1024 * 1024 + 200
    assert ran.outcome.status == 200


def test_packages_and_preload_are_there_before_the_code(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "node_modules" / "preinstalled"
    folder.mkdir(parents=True)
    (folder / "index.js").write_text("module.exports = 'given'")
    preload = tmp_path / "accounts.cjs"
    preload.write_text("global.accounts = process.env.COUCHGRASS_ACCOUNTS")
    driver = Driver(
        packages=lambda kind: tmp_path / "packages" if kind == KIND else None,
        preloads={"nodejs": preload},
        stems={},
    )
    try:
        code = "const p = require('preinstalled'); const given = global.accounts;"
        code += "exports.main = () => ({ p, a: given })"
        assert driver.do(KIND, code, accounts=("acme",)).body == {"a": '["acme"]', "p": "given"}
        assert driver.do(KIND, archive({"index.js": code})).body == {"p": "given"}
        own = {"index.js": code, "node_modules/preinstalled/index.js": "module.exports = 'own'"}
        assert driver.do(KIND, archive(own)).body == {"p": "own"}
        assert driver.load("nodejs:18", code).init.status == 502
    finally:
        driver.close()
