"""Envoy's files are there wholly or not at all, and only when something changed."""

from __future__ import annotations

from pathlib import Path

from couchgrass.balancer.envoy.files import Files


def test_a_file_is_replaced_when_its_content_changes(tmp_path: Path) -> None:
    files = Files(tmp_path / "envoy")
    assert files.put("eds.json", {"a": 1})
    place = tmp_path / "envoy" / "eds.json"
    first = place.stat().st_ino
    assert not files.put("eds.json", {"a": 1})
    assert place.stat().st_ino == first
    assert files.put("eds.json", {"a": 2})
    assert place.stat().st_ino != first
    assert place.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in place.parent.iterdir()] == ["eds.json"]


def test_what_a_crash_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "eds.json.new").write_text("half")
    assert Files(tmp_path).put("eds.json", {})
    assert (tmp_path / "eds.json").read_text() == "{}\n"
