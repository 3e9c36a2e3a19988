"""Which design documents are stored, and with which words the others are refused."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.docdb.javascript.form import (
    CompilationError,
    InvalidDesignDoc,
    ViewFunction,
    check_form,
    language_of,
    not_compiled,
    view_functions,
)  # fmt: skip

MAP = "function (doc) {}"


@pytest.mark.parametrize(
    "ddoc",
    [
        {},
        {"views": {}},
        {"anything": [1, None], "filters": {"f": "", "g": {"deep": 1}}},
        {"views": {"v": {"map": MAP, "reduce": "_sum"}, "lib": {"x": "1"}}, "options": {"local_seq": True}},
        {"language": "query", "views": {"v": {"map": {"fields": {}}, "reduce": "_count"}}},
        {"rewrites": [], "validate_doc_update": "x"},
        {"language": "query", "validate_doc_update": {"newDoc": {}}},
    ],
)
def test_a_design_document_of_the_right_form_is_taken(ddoc: dict[str, Any]) -> None:
    check_form(ddoc)


@pytest.mark.parametrize(
    ("ddoc", "reason"),
    [
        ({"views": []}, "`views` field must have object type"),
        ({"views": None}, "`views` field must have object type"),
        ({"views": {"v": MAP}}, "`views.v` field must have object type"),
        ({"views": {"v": {}}}, "View `v` must contain map function"),
        ({"views": {"v": {"map": {}}}}, "`views.v.map` field must have string type"),
        ({"views": {"v": {"map": MAP, "reduce": 1}}}, "`views.v.reduce` field must have string type"),
        ({"views": {"lib": "x"}}, "`views.lib` field must have object type"),
        ({"language": "query", "views": {"v": {"map": MAP}}}, "`views.v.map` field must have object type"),
        ({"language": 1}, "`language` field must have string type"),
        ({"filters": "x"}, "`filters` field must have object type"),
        ({"filters": {"f": 1}}, "`filters.f` field must have string or object type"),
        ({"rewrites": {}}, "`rewrites` field must have array or string type"),
        ({"validate_doc_update": 1}, "`validate_doc_update` field must have object or string type"),
        ({"options": {"include_design": 1}}, "`options.include_design` field must have boolean type"),
        (
            {"options": {"partitioned": True}},
            "partitioned option cannot be true in a non-partitioned database.",
        ),
    ],
)
def test_a_design_document_of_another_form_is_refused(ddoc: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidDesignDoc) as refused:
        check_form(ddoc)
    assert (refused.value.status, refused.value.error) == (400, "invalid_design_doc")
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "reduce", ["_sum", "_count", "_stats", "_approx_count_distinct", "_top_1", "_bottom_100"]
)
def test_built_in_reduces_need_not_compile(reduce: str) -> None:
    found = list(view_functions({"views": {"lib": {}, "v": {"map": MAP, "reduce": reduce}}}))
    assert found == [ViewFunction("map", "v", MAP)]


@pytest.mark.parametrize(
    ("reduce", "reason"),
    [
        ("_other", "`_other` is not a supported reduce function."),
        ("_top_x", "invalid rank reducer"),
        ("_top_0", "rank value must be between 1 and 100"),
        ("_bottom_101", "rank value must be between 1 and 100"),
    ],
)
def test_an_unknown_built_in_reduce_is_refused(reduce: str, reason: str) -> None:
    with pytest.raises(InvalidDesignDoc) as refused:
        list(view_functions({"views": {"v": {"map": MAP, "reduce": reduce}}}))
    assert refused.value.reason == reason


def test_maps_and_reduces_are_to_compile() -> None:
    found = list(view_functions({"views": {"v": {"map": MAP, "reduce": "r"}, "w": {"map": "m"}}}))
    assert found == [
        ViewFunction("map", "v", MAP), ViewFunction("reduce", "v", "r"), ViewFunction("map", "w", "m")
    ]  # fmt: skip


def test_a_function_that_does_not_compile_is_named() -> None:
    error = not_compiled(ViewFunction("reduce", "v", "x"), "why")
    assert isinstance(error, CompilationError)
    assert (error.status, error.error) == (400, "compilation_error")
    assert error.reason == "Compilation of the reduce function in the 'v' view failed: why"


def test_the_language_is_javascript_unless_told() -> None:
    assert language_of({}) == "javascript"
    assert language_of({"language": "query"}) == "query"
