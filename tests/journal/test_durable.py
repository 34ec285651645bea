import pytest

from ppt_dist.journal.durable import write_durably


def test_a_file_is_replaced_whole_and_nothing_is_left_aside(tmp_path):
    path = tmp_path / "deep" / "a.json"

    write_durably(path, b"old")
    write_durably(path, b"new")

    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_nothing_aside(tmp_path):
    folder = tmp_path / "in_the_way"
    folder.mkdir()

    with pytest.raises(IsADirectoryError):
        write_durably(folder, b"new")

    assert [p.name for p in tmp_path.iterdir()] == ["in_the_way"]
