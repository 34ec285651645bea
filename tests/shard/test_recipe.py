"""The recipes that ship, held against the facts that they were written from (``shared/meta``)."""

import json

import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.recipe import SHIPPED, find_recipe
from tests.packing import pack_domain

INDOOR = {"scannet": "scannet", "s3dis": "s3dis", "structured3d": "structured3d"}
OUTDOOR = {"nuscenes": "nuscenes", "semantickitti": "semantic_kitti", "waymo": "waymo"}
"""Name of each domain in ``classes.json``."""


@pytest.fixture(scope="module")
def meta(shared):
    return shared / "meta"


@pytest.fixture(scope="module")
def facts(meta):
    return json.loads((meta / "classes.json").read_text())


def listed(domain, split):
    recipe, folder = find_recipe(domain)
    return (folder / recipe.splits[split]).read_text().split()


def test_these_are_all_the_recipes_that_ship():
    assert {path.parent.name for path in SHIPPED.glob("*/recipe.toml")} == {*INDOOR, *OUTDOOR}


@pytest.mark.parametrize(("domain", "known"), (INDOOR | OUTDOOR).items())
def test_classes_are_the_official_ones_in_label_order_with_the_published_words(
    facts, domain, known
):
    labels = find_recipe(domain)[0].labels
    assert list(labels.names) == facts[known]["classes"]
    assert list(labels.words) == facts[known]["ppt_text"]
    assert len(labels) == facts[known]["num_classes"]


@pytest.mark.parametrize(("domain", "known"), (INDOOR | OUTDOOR).items())
def test_raw_ids_lead_to_the_official_labels(facts, domain, known):
    classes = find_recipe(domain)[0].classes
    if domain in OUTDOOR:
        table = facts[known]["raw_to_train"]
        assert {str(raw): i for i, c in enumerate(classes) for raw in c.raw} == {
            raw: i for raw, i in table.items() if i >= 0
        }
    elif facts[known]["raw_ids"]:
        assert [raw for c in classes for raw in c.raw] == facts[known]["raw_ids"]


def test_words_are_the_published_text_spaces_at_the_right_index(meta):
    spaces = json.loads((meta / "unified_space.json").read_text())
    names = {"scannet": "ScanNet", "s3dis": "S3DIS", "structured3d": "Structured3D"}
    for domain, name in names.items():
        index = spaces["indoor"]["valid_index_correct"][name]
        words = [spaces["indoor"]["names"][i] for i in index]
        assert list(find_recipe(domain)[0].labels.words) == words
    names = {"nuscenes": "nuScenes", "semantickitti": "SemanticKITTI", "waymo": "Waymo"}
    for domain, name in names.items():
        words = [spaces["outdoor"]["names"][i] for i in spaces["outdoor"]["valid_index"][name]]
        assert list(find_recipe(domain)[0].labels.words) == words


def test_nuscenes_is_split_by_drives_as_the_devkit_does(meta):
    official = json.loads((meta / "nuscenes/splits.json").read_text())
    for split, drives in (("train", 700), ("val", 150), ("test", 150)):
        assert listed("nuscenes", split) == official[split]
        assert len(set(listed("nuscenes", split))) == drives


def test_semantickitti_is_split_by_sequences(facts):
    sequences = facts["semantic_kitti"]["splits"]["sequences"]
    for split in ("train", "val", "test"):
        assert [int(s) for s in listed("semantickitti", split)] == sequences[split]
        assert all(len(s) == 2 for s in listed("semantickitti", split))


def test_waymo_is_split_by_drives_and_tested_on_the_listed_frames(meta):
    for split, drives in (("train", 798), ("val", 202)):
        lines = (meta / f"waymo/segments_{split}.txt").read_text().split()
        assert [f"segment-{s}_with_camera_labels.tfrecord" for s in listed("waymo", split)] == lines
        assert len(set(lines)) == drives
    frames = (meta / "waymo/3d_semseg_test_set_frames.txt").read_text().split()
    assert listed("waymo", "test") == frames
    assert len(set(frames)) == 2982


def test_no_drive_is_trained_on_and_validated_on():
    for domain in OUTDOOR:
        splits = [{i.split(",")[0] for i in listed(domain, s)} for s in ("train", "val", "test")]
        assert sum(map(len, splits)) == len(set().union(*splits))


@pytest.mark.parametrize("domain", OUTDOOR)
def test_packing_by_a_reader_that_does_not_exist_says_so_and_writes_nothing(domain, tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(
        BadInput, match=rf"reader '{domain}' does not exist: .* has pointcept, s3dis, scannet"
    ):
        pack_domain(domain, tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_readers_that_exist_are_found():
    for domain in INDOOR:
        assert find_reader(find_recipe(domain)[0].reader)
