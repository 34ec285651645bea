"""Procedural raw data: reproducible, in the real formats, with a true gap between the domains."""

import hashlib
from itertools import permutations

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.make import DOMAINS, make_raw, scene_ids


def files(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def readings(raw, domain):
    recipe, folder = find_recipe(domain)
    root = raw / domain
    reader = find_reader(recipe.reader)
    for name in scene_ids(domain, 3):
        for scene_id, place in reader.find(root, name).items():
            yield reader.read(scene_id, place, Raw(root, recipe, folder))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_the_workers_and_another_seed_others(
    raw, tmp_path
):
    make_raw(tmp_path / "same", 3, seed=5, workers=2)
    make_raw(tmp_path / "other", 3, seed=6)
    same, other = files(tmp_path / "same"), files(tmp_path / "other")
    assert same == files(raw)
    kept = [name for name in same if same[name] == other.get(name)]
    assert [name for name in kept if not name.endswith(".tsv")] == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("scannet/scans/scene0000_00/scene0000_00.txt", "axisAlignment = 1"),
        ("scannet/procedural.json", '{"seed": 4}'),
        ("s3dis/procedural.json", "\x80pickle"),
    ],
)
def test_real_scans_and_those_of_another_seed_are_never_written_over(tmp_path, file, content):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(content)
    with pytest.raises(BadInput, match=r"another --out"):
        make_raw(tmp_path, 3, seed=5)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / file]


def test_more_scans_change_none_of_the_first(raw, tmp_path):
    make_raw(tmp_path, 4, seed=5, domains=("s3dis",))
    few, many = files(raw / "s3dis"), files(tmp_path / "s3dis")
    shared = [name for name in few if name in many and "alignmentAngle" not in name]
    assert len(shared) > 10
    assert all(few[name] == many[name] for name in shared)


def test_ids_are_those_of_the_official_splits_a_third_to_validate():
    for domain in DOMAINS:
        recipe, folder = find_recipe(domain)
        train, val = (
            (folder / recipe.splits[split]).read_text().split() for split in ("train", "val")
        )
        assert scene_ids(domain, 9) == train[:6] + val[:3]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_real_formats_reader_reads_every_scan_without_a_remark(raw, domain):
    for reading in readings(raw, domain):
        assert reading.notes == ()
        assert len(reading.scene) > 3000
        labelled = reading.scene.segment[reading.scene.segment >= 0]
        assert len(np.unique(labelled)) >= 5
        assert len(labelled) > len(reading.scene) / 2
        objects = reading.scene.instance
        for number in range(objects.max() + 1):
            assert len(np.unique(reading.scene.segment[objects == number])) == 1


def test_a_scannet_scan_has_the_same_labels_by_objects_and_by_labels_ply(raw, tmp_path):
    recipe, folder = find_recipe("scannet")
    reader, name = find_reader("scannet"), scene_ids("scannet", 3)[0]
    place = reader.find(raw / "scannet", name)[name]
    whole = reader.read(name, place, Raw(raw / "scannet", recipe, folder)).scene
    copy = tmp_path / name
    copy.mkdir()
    for path in place.iterdir():
        if "aggregation" not in path.name:
            (copy / path.name).symlink_to(path)
    bare = reader.read(name, copy, Raw(raw / "scannet", recipe, folder)).scene
    assert np.array_equal(bare.segment, whole.segment)


def test_the_domains_differ_in_colour_density_classes_and_what_they_see(raw):
    color, high, points, classes = {}, {}, {}, {}
    for domain in DOMAINS:
        scenes = [reading.scene for reading in readings(raw, domain)]
        color[domain] = np.concatenate([s.color for s in scenes if s.color is not None]).mean(0)
        points[domain] = np.mean([len(s) for s in scenes])
        high[domain] = np.mean([(s.coord[:, 2] - s.coord[:, 2].min() > 2.2).mean() for s in scenes])
        classes[domain] = set(find_recipe(domain)[0].labels.names)
    for one, other in permutations(DOMAINS, 2):
        assert np.abs(color[one] - color[other]).max() > 10
        assert classes[one] - classes[other]
    assert high["s3dis"] > 1.3 * high["scannet"]
    assert points["structured3d"] > 2 * points["scannet"]


@pytest.mark.slow
def test_a_dozen_scans_hold_at_least_ten_classes_of_each_domain(tmp_path):
    make_raw(tmp_path, 12, seed=0, workers=2)
    for domain in DOMAINS:
        recipe, folder = find_recipe(domain)
        reader, seen = find_reader(recipe.reader), set()
        for name in scene_ids(domain, 12)[8:]:  # those to validate
            for scene_id, place in reader.find(tmp_path / domain, name).items():
                reading = reader.read(scene_id, place, Raw(tmp_path / domain, recipe, folder))
                seen |= set(reading.scene.segment.tolist())
        assert len(seen - {-1}) >= 10, domain


@pytest.mark.parametrize(("scenes", "domains"), [(1, ("scannet",)), (3, ("kitti",))])
def test_what_cannot_be_made_is_refused_and_nothing_is_written(tmp_path, scenes, domains):
    with pytest.raises(BadInput, match="at least 2 scenes, of scannet, s3dis, structured3d"):
        make_raw(tmp_path, scenes, seed=0, domains=domains)
    assert list(tmp_path.iterdir()) == []


def test_more_scans_than_the_split_has_ids_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"split has \d+ ids"):
        make_raw(tmp_path, 2000, seed=0, domains=("s3dis",))
