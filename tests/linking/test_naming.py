"""Names follow from the two servers and the database, and from nothing else."""

from __future__ import annotations

import re

from couchgrass.linking.naming import PREFIX, End, checkpoint_id, job_id, key_name, note_id, proof_id

A, B = "http://a.example", "http://b.example"


def test_a_job_has_a_name_of_its_own_that_stays() -> None:
    ids = {job_id(A, B, "todos"), job_id(B, A, "todos"), job_id(A, B, "notes"), job_id(A, B, "to/dos")}
    assert len(ids) == 4
    assert job_id(A, B, "todos") == "couchgrass-link-todos-29917ae971530503"
    assert job_id(A, B, "todos").startswith(PREFIX)


def test_names_are_safe_as_user_names_and_in_paths() -> None:
    name = key_name(job_id(A, B, "a/b+c$(d)" + "x" * 300), End.TARGET)
    assert re.fullmatch(r"[a-z0-9_-]{1,90}", name)
    assert name.endswith("-target")


def test_databases_that_read_alike_have_different_jobs() -> None:
    assert job_id(A, B, "a/b") != job_id(A, B, "a+b")


def test_the_proof_is_the_same_document_in_both_directions() -> None:
    assert proof_id(A, B, "todos") == proof_id(B, A, "todos") != proof_id(A, B, "notes")


def test_the_note_is_one_for_both_directions_and_no_job() -> None:
    assert note_id(A, B, "todos") == note_id(B, A, "todos") != note_id(A, B, "notes")
    assert note_id(A, B, "todos").startswith(PREFIX)
    assert note_id(A, B, "a/b") != note_id(A, B, "a+b")


def test_the_checkpoint_has_the_job_s_id_without_its_options() -> None:
    assert checkpoint_id("f00+continuous+create_target") == checkpoint_id("f00") == "f00"
