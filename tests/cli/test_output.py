"""Names of results: no two runs take the same one."""

from __future__ import annotations

from pathlib import Path

from vision.cli.output import OutputFolder

ENDINGS = (".png", ".pfm")


def test_two_runs_at_once_take_different_names(tmp_path: Path) -> None:
    with OutputFolder(str(tmp_path)) as first, OutputFolder(str(tmp_path)) as second:
        names = [folder.base_for("x/a.jpg", "_map", ENDINGS) for folder in (first, second)]
        assert names == [str(tmp_path / "a_map"), str(tmp_path / "a_map-2")]
        for name in names:
            Path(f"{name}.pfm").touch()
        assert first.base_for("y/a.jpg", "_map", ENDINGS) == str(tmp_path / "a_map-3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_map-2.pfm", "a_map.pfm"]


def test_a_name_is_free_again_if_nothing_was_written(tmp_path: Path) -> None:
    with OutputFolder(str(tmp_path)) as folder:
        folder.base_for("a.jpg")
        folder.base_for("b.jpg")
        assert [path.name for path in tmp_path.iterdir()] == [".b.taken"]
    assert list(tmp_path.iterdir()) == []
    assert OutputFolder(str(tmp_path)).base_for("a.jpg") == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
