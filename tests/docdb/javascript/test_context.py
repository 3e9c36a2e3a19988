"""What a design document's functions can do in their context, and what stops them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from couchgrass.docdb.javascript.context import Context, ContextBroken, FunctionFailed, Program
from couchgrass.errors import CouchgrassError, Forbidden, NotFound

LIB = {
    "shapes": {"round": "exports.name = 'round'; exports.area = require('../numbers').pi;"},
    "numbers": "exports.pi = 3;",
    "self": "module.exports = function () { return 'replaced'; };",
    "a": "exports.early = 1; exports.b = require('./b').saw; exports.late = 2;",
    "b": "exports.saw = Object.keys(require('./a')).join();",
    "broken": "exports.x = ;",
}


def context(ddoc: dict[str, Any] | None = None, *, call_s: float = 5.0, **members: Any) -> Context:
    source = json.dumps({"_id": "_design/test", **(ddoc or {}), **members})
    return Context(Program(("db", "_design/test", "1-a"), source), call_s=call_s)


def emitted(function: str, *docs: dict[str, Any], lib: Any = None) -> Any:
    views = {"v": {"map": function}, **({"lib": lib} if lib else {})}
    return json.loads(context(views=views).call("map", "v", json.dumps(docs)))


def filtered(function: str, *docs: dict[str, Any], **request: Any) -> Any:
    made = context(filters={"f": function})
    return json.loads(made.call("filter", "f", json.dumps(docs), json.dumps(request)))


def validated(function: str, new: Any, old: Any = None) -> Any:
    made = context(validate_doc_update=function)
    extra = json.dumps([{"name": "anna", "roles": ["x"], "db": "db"}, {"admins": {}}])
    return json.loads(made.call("validate", "", json.dumps([[new, old]]), extra))[0]


def expression(source: str) -> Any:
    """The value of an expression, as a map function sees it."""
    return emitted(f"function (doc) {{ emit({source}, null); }}", {})[0][0][0]


@pytest.mark.parametrize(
    "source",
    [
        "function(doc) { emit(doc.n, 1); }",
        "function (doc) { emit(doc.n, 1) };\n",
        "// first\nfunction (doc) { emit(doc.n, 1) } // last",
        "function named(doc) { emit(doc.n, 1); }",
        "doc => emit(doc.n, 1)",
        "(doc) => { const {n} = doc; emit(n ?? 0, 1); }",
        "var f = function (doc) { emit(doc.n, 1); }; f;",
        "(function (doc) { emit(doc.n, 1); })",
    ],
)
def test_a_function_may_be_written_in_any_of_the_usual_ways(source: str) -> None:
    assert emitted(source, {"n": 7}) == [[[7, 1]]]


@pytest.mark.parametrize(
    "source", ["1 + 1", "function (doc) {", "", "var x = 1", "function a() {} function b() {}"]
)
def test_what_is_no_function_does_not_compile(source: str) -> None:
    with pytest.raises(FunctionFailed) as refused:
        context().call("compile", source)
    assert refused.value.error == "compilation_error"
    assert source in refused.value.reason


def test_what_a_map_emits_is_listed_by_document() -> None:
    found = emitted("function (doc) { for (var i = 0; i < doc.n; i++) emit([doc._id, i]); }", *(
        {"_id": "a", "n": 0}, {"_id": "b", "n": 2}
    ))  # fmt: skip
    assert found == [[], [[["b", 0], None], [["b", 1], None]]]


def test_a_map_that_throws_emits_nothing_for_that_document_and_says_so_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = "function (doc) { emit(1, 1); if (doc.bad) doc.a.b.c; }"
    with caplog.at_level(logging.INFO, "couchgrass.javascript"):
        assert emitted(source, {"_id": "x", "bad": True}, {"_id": "y"}) == [[], [[1, 1]]]
    assert "doc._id x" in caplog.text


def test_a_map_can_stop_everything() -> None:
    with pytest.raises(FunctionFailed) as refused:
        emitted("function (doc) { throw 'fatal_error'; }", {})
    assert refused.value.error == "map_runtime_error"


def test_a_map_can_not_change_the_document() -> None:
    source = "function (doc) { doc.a.b = 2; emit(doc.a.b, Object.isFrozen(doc.a)); }"
    assert emitted(source, {"a": {"b": 1}}) == [[[1, True]]]


def test_the_engine_has_what_couchdb_promises() -> None:
    assert expression("sum([1, 2, 3])") == 6
    assert expression("isArray([]) && !isArray({length: 0})") is True
    assert expression("toJSON({a: [1]})") == '{"a":[1]}'
    assert expression("JSON.parse('[1]')") == [1]
    assert expression("[undefined, NaN, new Date(0)]") == [None, None, "1970-01-01T00:00:00.000Z"]


@pytest.mark.parametrize(
    "name",
    [
        "process",
        "fetch",
        "XMLHttpRequest",
        "std",
        "os",
        "print",
        "console",
        "setTimeout",
        "Atomics",
        "WeakRef",
    ],
)
def test_there_is_no_way_out_of_the_engine(name: str) -> None:
    assert expression(f"typeof {name}") == "undefined"


def test_modules_of_the_design_document_can_be_required() -> None:
    assert emitted("function (doc) { emit(require('views/lib/shapes/round').area, 0); }", {}, lib=LIB) == [
        [[3, 0]]
    ]
    assert emitted("function (doc) { emit(require('views/lib/self')(), 0); }", {}, lib=LIB) == [
        [["replaced", 0]]
    ]


def test_modules_may_require_each_other() -> None:
    assert emitted("function (doc) { emit(require('views/lib/a').b, 0); }", {}, lib=LIB) == [[["early", 0]]]


def test_a_filter_sees_all_of_the_design_document_and_a_map_only_the_views_library() -> None:
    ddoc = {
        "secret": "exports.x = 1;",
        "filters": {"f": "function () { return require('secret').x; }"},
        "views": {"v": {"map": "function () { emit(require('secret').x); }"}},
    }
    made = context(ddoc)
    assert made.call("filter", "f", "[{}]", "{}") == b"[true]"
    assert made.call("map", "v", "[{}]") == b"[[]]"


@pytest.mark.parametrize(
    ("path", "error"),
    [("lib/none", "invalid_require_path"), ("lib", "invalid_require_path"), ("../x", "invalid_require_path"),
     ("lib/broken", "compilation_error")],
)  # fmt: skip
def test_a_module_that_is_not_there_or_does_not_compile_is_an_error(path: str, error: str) -> None:
    made = context(lib=LIB, filters={"f": f"function () {{ require('{path}'); }}"})
    with pytest.raises(FunctionFailed) as refused:
        made.call("filter", "f", "[{}]", "{}")
    assert refused.value.error == error


def test_a_filter_gets_document_and_request_and_the_design_document_as_this() -> None:
    source = "function (doc, req) { return doc.n == req.query.n && this._id == '_design/test'; }"
    assert filtered(source, {"n": 1}, {"n": 2}, query={"n": "2"}) == [False, True]


def test_a_view_as_a_filter_passes_what_it_emits() -> None:
    made = context(views={"v": {"map": "function (doc) { if (doc.n) emit(null); }"}})
    assert made.call("view", "v", '[{"n":1},{"n":0},{"n":2}]') == b"[true,false,true]"


def test_no_call_sees_what_another_did_to_its_documents() -> None:
    made = context(validate_doc_update="function (n, o, user) { user.roles.push('_admin'); n.x = 1; "
                   "if (user.roles.length > 2 || o) throw({forbidden: user.roles.join()}); }")  # fmt: skip
    pairs, extra = "[[{},null],[{},null]]", '[{"roles":["a"]},{}]'
    for _ in range(2):
        assert made.call("validate", "", pairs, extra) == b"[null,null]"


@pytest.mark.parametrize(
    ("thrown", "error", "reason"),
    [
        ("{forbidden: 'no'}", "forbidden", "no"),
        ("{unauthorized: 'who?'}", "unauthorized", "who?"),
        ("{forbidden: {why: 1}}", "forbidden", {"why": 1}),
        ("{other: 'x'}", "unknown_error", "x"),
        ("'text'", "unknown_error", "text"),
        ("new TypeError('t')", "TypeError", "t"),
        ("['error', 'mine', 'm']", "mine", "m"),
        ("null", None, None),
    ],
)
def test_what_a_validation_throws_is_told(thrown: str, error: str | None, reason: Any) -> None:
    source = f"function (n, o) {{ throw {thrown}; }}"
    if error is None:
        with pytest.raises(ContextBroken):
            validated(source, {})
    else:
        assert validated(source, {}) == [error, reason]


def test_a_validation_sees_both_documents_the_user_and_the_security_object() -> None:
    source = "function (n, o, user, sec) { throw({forbidden: toJSON([n.v, o && o.v, user.name, sec])}); }"
    assert validated(source, {"v": 1}, {"v": 2}) == ["forbidden", '[1,2,"anna",{"admins":{}}]']
    assert validated(source, {"v": 1}) == ["forbidden", '[1,null,"anna",{"admins":{}}]']
    assert validated("function () { return false; }", {}) is None


@pytest.mark.parametrize(
    ("thrown", "kind", "error", "reason"),
    [
        ("new RangeError('r')", FunctionFailed, "RangeError", "r"),
        ("{error: 'forbidden', reason: 'f'}", Forbidden, "forbidden", "f"),
        ("{name: 'n'}", FunctionFailed, "n", {"name": "n"}),
        ("{x: 1}", FunctionFailed, "unnamed_error", '{"x":1}'),
        ("'text'", FunctionFailed, "unnamed_error", "text"),
    ],
)
def test_what_a_filter_throws_fails_the_request(
    thrown: str, kind: type[CouchgrassError], error: str, reason: Any
) -> None:
    with pytest.raises(kind) as refused:
        filtered(f"function () {{ throw {thrown}; }}", {})
    assert (refused.value.error, refused.value.reason) == (error, reason)


def test_a_function_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound) as refused:
        context(filters={}).call("filter", "f", "[{}]", "{}")
    assert refused.value.reason == "missing filters function f on design doc _design/test"
    for path in (["filters", "toString"], ["views", "constructor", "map"]):
        with pytest.raises(NotFound):
            context(filters={}, views={}).call("find", json.dumps(path))


def test_reduce_gets_keys_with_ids_and_rereduce_only_values() -> None:
    source = "function (keys, values, again) { return [keys, values, again]; }"
    made = context()

    def reduced(given: str, again: str = "false", by: str = source) -> Any:
        return json.loads(made.call("reduce", by, given, again))

    rows = '[[["k","a"],1],[["k","b"],2]]'
    assert reduced(f"[{rows},[]]") == [[[["k", "a"], ["k", "b"]], [1, 2], False], [[], [], False]]
    assert reduced("[[3,4]]", "true") == [[None, [3, 4], True]]
    assert reduced("[[],[]]", by="function () { throw 1; }") == [None, None]
    assert reduced("[[]]", by="function () {}") == [None]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while (true) { try { while (true); } catch (e) {} }", "OS process timed out."),
        ("var a = []; while (true) a.push(new Array(1000));", "out of memory"),
        ("'x'.repeat(1e9)", "out of memory"),
    ],
)
def test_time_and_memory_are_bounded(body: str, reason: str) -> None:
    # On a busy machine filling the memory may take its time; only the endless loop is to meet the limit.
    call_s = 0.2 if "timed out" in reason else 30.0
    made = context(call_s=call_s, filters={"f": f"function () {{ {body} }}"})
    with pytest.raises(ContextBroken) as broken:
        made.call("filter", "f", "[{}]", "{}")
    assert (broken.value.error, broken.value.reason) == ("os_process_error", reason)


@contextmanager
def busy_threads(count: int) -> Iterator[None]:
    """Threads of this process that use all processor time they get, and do not hold the interpreter."""
    ends = threading.Event()

    def work() -> None:
        while not ends.is_set():
            hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 20_000)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def test_what_other_threads_work_is_not_counted_as_the_functions() -> None:
    busy = "function () { for (var i = 0; i < 3e6; i++); return true; }"
    alone = context(filters={"f": busy})
    began_s = time.thread_time()
    assert alone.call("filter", "f", "[{}]", "{}") == b"[true]"
    own_s = time.thread_time() - began_s
    made = context(call_s=1.5 * own_s, filters={"f": busy})
    with busy_threads(3):
        assert made.call("filter", "f", "[{}]", "{}") == b"[true]"


def test_what_never_ends_is_not_run_again_for_the_little_that_other_threads_do() -> None:
    ends = threading.Event()

    def tick() -> None:
        while not ends.wait(0.01):
            pass

    made = context(call_s=0.3, filters={"f": "function () { while (true); }"})
    stopped = made._context
    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        with pytest.raises(ContextBroken):
            made.call("filter", "f", "[{}]", "{}")
    finally:
        ends.set()
        ticking.join()
    assert made._context is stopped


def test_endless_recursion_is_an_error_of_the_function() -> None:
    with pytest.raises(FunctionFailed) as refused:
        filtered("function f(doc) { return f(doc) + 1; }", {})
    assert refused.value.error == "RangeError"


def test_a_call_on_many_documents_comes_back_after_its_slice_with_the_first_answers() -> None:
    made = context(
        filters={"f": "function () { var until = Date.now() + 30; while (Date.now() < until); return 1; }"}
    )
    assert made.call("filter", "f", "[{},{},{}]", "{}") == b"[true]"


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert expression(r"['\ud83d', '\ud83d\ude00', '\\ud83d']") == ["\ufffd", "\U0001f600", "\\ud83d"]


def test_a_value_that_is_nested_too_deep_is_an_error_of_the_function() -> None:
    source = "function () { for (var v = [], n = 0; n < 1500; n++) v = [v]; emit(v); }"
    with pytest.raises(FunctionFailed) as refused:
        emitted(source, {})
    assert refused.value.error == "invalid_json"


def test_what_functions_log_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "couchgrass.javascript"):
        filtered("function () { log('a\\nINFO b'); }", {})
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]


def test_what_functions_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "couchgrass.javascript"):
        filtered("function () { for (var i = 0; i < 1000; i++) log({i: 'x'.repeat(9999)}); }", {})
    assert len(caplog.records) == 100
    assert all(len(record.getMessage()) < 2100 for record in caplog.records)
