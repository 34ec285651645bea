"""Specs of clusters: found by name or path, refused with a hint."""

import pytest

from ppt_dist.launch.spec import find_spec
from ppt_dist.section import BadInput


def test_the_shipped_spec_is_found_by_name_and_by_path(tmp_path):
    copy = tmp_path / "mine.toml"
    copy.write_text('format = 1\nname = "mine"\ncpus = 2\nobject_store_bytes = 80000000\n')
    assert find_spec("local").name == "local"
    assert find_spec(str(copy)).cpus == 2


def test_an_unknown_cluster_is_refused_with_the_nearest_known_name():
    with pytest.raises(BadInput, match="did you mean 'local'"):
        find_spec("locl")


def test_an_unknown_key_of_a_spec_is_refused_with_the_nearest_known_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('format = 1\nname = "mine"\ncpu = 2\nobject_store_bytes = 80000000\n')
    with pytest.raises(BadInput, match=r"(?s)unknown key 'cpu'.*did you mean 'cpus'"):
        find_spec(str(path))
