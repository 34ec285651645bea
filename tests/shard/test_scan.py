"""Scans on their own: raw scans by their place, PLY and NPY files, folders of them."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.scan import find_scans
from ppt_dist.synth.make import scene_ids
from ppt_dist.view.picture import to_ply


def read(path, domain="scannet"):
    return [scan.read() for scan in find_scans(path, *find_recipe(domain))]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    normal = np.tile([0.0, 0.0, 1.0], (50, 1))
    return np.column_stack([rng.random((50, 3)), rng.integers(0, 256, (50, 3)), normal])


def test_a_raw_scan_is_read_by_its_place(raw):
    (scannet,) = read(raw / "scannet/scans" / scene_ids("scannet", 3)[0])
    (room,) = read(raw / "s3dis" / scene_ids("s3dis", 3)[0], "s3dis")
    (flat,) = read(raw / "structured3d" / scene_ids("structured3d", 3)[0], "structured3d")
    assert len(scannet) > 3000
    assert room.name == scene_ids("s3dis", 3)[0].replace("/", "-")
    assert flat.name.startswith("scene_00000_room_")


@pytest.mark.parametrize(
    ("domain", "below"),
    [
        ("scannet", "scans"),
        ("scannet", ""),
        ("s3dis", "Area_1"),
        ("s3dis", ""),
        ("structured3d", ""),
    ],
)
def test_a_folder_of_raw_scans_is_each_of_them(raw, domain, below):
    inside = raw / domain / below
    ids = {name for name in scene_ids(domain, 3) if below != "Area_1" or name.startswith(below)}

    found = find_scans(inside, *find_recipe(domain))

    assert len(found) == len(ids)
    assert {scan.scan_id.partition("_room_")[0] for scan in found} == ids
    assert len(found[0].read()) > 1000


def test_a_table_of_numbers_is_points_colours_and_normals(table, tmp_path):
    np.save(tmp_path / "mine.npy", table)
    (scene,) = read(tmp_path / "mine.npy")
    assert scene.name == "mine"
    assert scene.coord == pytest.approx(table[:, :3], abs=1e-6)
    assert scene.color is not None
    assert np.array_equal(scene.color, table[:, 3:6])
    assert scene.normal is not None
    assert np.array_equal(scene.normal, table[:, 6:])


def test_a_file_is_found_from_the_folder_that_it_lies_in(table, tmp_path, monkeypatch):
    np.save(tmp_path / "mine.npy", table)
    monkeypatch.chdir(tmp_path)
    for domain in ("scannet", "s3dis", "structured3d"):
        (scene,) = read(Path("mine.npy"), domain)
        assert len(scene) == 50
        with pytest.raises(BadInput, match=r"other\.npy does not exist"):
            read(Path("other.npy"), domain)


def test_points_alone_get_estimated_normals_and_no_colour(table, tmp_path):
    np.save(tmp_path / "flat.npy", table[:, :3] * (1, 1, 0))
    (scene,) = read(tmp_path / "flat.npy")
    assert scene.color is None
    assert scene.normal is not None
    assert np.abs(scene.normal[:, 2]) == pytest.approx(1)


def test_what_is_written_as_ply_is_read_again(table, tmp_path):
    coord, color = table[:, :3].astype(np.float32), table[:, 3:6].astype(np.uint8)
    (tmp_path / "mine.ply").write_bytes(to_ply(coord, color, np.arange(50, dtype=np.int16)))
    (scene,) = read(tmp_path / "mine.ply")
    assert np.array_equal(scene.coord, coord)
    assert scene.color is not None
    assert np.array_equal(scene.color, color)


def test_a_folder_gives_its_files_sorted_by_name(table, tmp_path):
    for name in ("b", "a"):
        np.save(tmp_path / f"{name}.npy", table)
    assert [scene.name for scene in read(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros((4, 5)), "columns must be x y z"),
        (np.zeros((4, 3), bool), "columns must be x y z"),
        (np.full((4, 6), 300.0), "not 0 to 255"),
        (np.full((4, 6), np.nan), "not 0 to 255"),
        (np.full((4, 3), np.nan), "not finite"),
        (np.zeros((0, 3)), "no points"),
    ],
)
def test_a_table_that_is_no_scan_is_refused_by_its_file_and_reason(tmp_path, content, reason):
    np.save(tmp_path / "bad.npy", content)
    with pytest.raises(BadInput, match=rf"bad\.npy.*{reason}"):
        read(tmp_path / "bad.npy")


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path):
    (tmp_path / "scan.e57").write_bytes(b"ASTM-E57")
    for path in (tmp_path / "scan.e57", tmp_path):
        with pytest.raises(BadInput, match=r"\.ply, \.npy of"):
            read(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    np.save(tmp_path / "object.npy", np.array([Trap()], object), allow_pickle=True)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "mesh.ply").write_bytes(pickle.dumps(Trap()))
    for name in ("object.npy", "plain.npy", "mesh.ply"):
        with pytest.raises(BadInput, match=name):
            read(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("far", [1e30, 4.5e5])
def test_coordinates_that_float32_cannot_keep_are_refused_with_file_and_point(table, tmp_path, far):
    table[7, 1] = far
    np.save(tmp_path / "utm.npy", table)
    with pytest.raises(BadInput, match=r"utm\.npy: 1 of 50 points .* such as point 7 at"):
        read(tmp_path / "utm.npy")


def test_an_ascii_file_without_a_point_is_refused(tmp_path):
    header = [
        "ply",
        "format ascii 1.0",
        "element vertex 0",
        *(f"property float {a}" for a in "xyz"),
    ]
    (tmp_path / "none.ply").write_text("\n".join([*header, "end_header", ""]))
    with pytest.raises(BadInput, match=r"none\.ply: no points"):
        read(tmp_path / "none.ply")


def test_what_is_not_there_is_told_apart_from_what_is_no_scan(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        read(tmp_path / "absent.ply")
