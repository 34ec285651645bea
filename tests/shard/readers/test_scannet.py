"""ScanNet: a real scan in the forms of both releases, and small scans that are wrong in one way."""

import json
import shutil
import struct

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import scannet
from ppt_dist.shard.readers.ply import read_ply
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe

SCAN = "scene0000_00"
VERTICES = 81_369


def read(place, root):
    recipe, folder = find_recipe("scannet")
    return scannet.read(SCAN, place, Raw(root, recipe, folder))


@pytest.fixture(scope="module")
def real(shared):
    return shared / "real/scannet"


@pytest.fixture(scope="module")
def first_release(real):
    return read(scannet.find(real, SCAN)[SCAN], real).scene


@pytest.fixture
def second_release(real, tmp_path):
    """The scan with the objects and the txt of release 2 in place of those of release 1."""
    shutil.copytree(real / "scans" / SCAN, tmp_path / "scans" / SCAN)
    shutil.copytree(real / "v2_derived" / SCAN, tmp_path / "scans" / SCAN, dirs_exist_ok=True)
    return tmp_path


def classes_of(nyu40):
    """Label indices by the recipe's lists, counted by hand."""
    recipe, _ = find_recipe("scannet")
    of_nyu = {n: i for i, entry in enumerate(recipe.classes) for n in entry.raw}
    return np.array([of_nyu.get(int(n), -1) for n in nyu40])


def test_vertices_of_the_real_scan_are_those_of_the_mesh_in_its_order(real, first_release):
    content = (real / "scans" / SCAN / f"{SCAN}_vh_clean_2.ply").read_bytes()
    start = content.index(b"end_header\n") + len(b"end_header\n")
    for i in (0, 1, 40_000, VERTICES - 1):
        x, y, z, r, g, b, _ = struct.unpack_from("<3f4B", content, start + 16 * i)
        assert first_release.coord[i].tolist() == [x, y, z]
        assert first_release.color[i].tolist() == [r, g, b]
    assert len(first_release) == VERTICES


def test_normals_are_the_area_weighted_means_of_the_adjacent_faces(real, first_release):
    faces = read_ply(real / "scans" / SCAN / f"{SCAN}_vh_clean_2.ply").triangles
    coord = first_release.coord.astype(np.float64)
    for vertex in (0, 777, 40_000, VERTICES - 1):
        total = np.zeros(3)
        for a, b, c in faces[(faces == vertex).any(axis=1)]:
            total += np.cross(coord[b] - coord[a], coord[c] - coord[a])
        expected = total / np.linalg.norm(total) if total.any() else total
        assert first_release.normal[vertex] == pytest.approx(expected, abs=1e-6)


def test_release_1_has_55_objects_and_a_name_that_the_table_lacks_is_unlabelled(
    real, first_release
):
    groups = json.loads((real / "scans" / SCAN / f"{SCAN}.aggregation.json").read_text())
    assert set(first_release.instance.tolist()) == set(range(-1, 55))
    assert (first_release.instance >= 0).mean() == pytest.approx(0.775, abs=5e-4)
    ids = sorted(group["id"] for group in groups["segGroups"])
    bins = [g["id"] for g in groups["segGroups"] if g["label"] == "trashcan"]
    assert len(bins) == 3
    for number in bins:
        inside = first_release.instance == ids.index(number)
        assert inside.any()
        assert set(first_release.segment[inside].tolist()) == {-1}


def test_release_2_is_equal_vertex_for_vertex_to_the_benchmarks_arrays(real, second_release):
    scene = read(second_release / "scans" / SCAN, second_release).scene
    nyu40, instance = (
        np.load(real / "v2_labels" / SCAN / f"{name}.npy") for name in ("nyu40", "instance")
    )
    assert np.array_equal(scene.segment, classes_of(nyu40))
    pairs = set(zip(scene.instance.tolist(), instance.tolist(), strict=True))
    assert len(pairs) == len(set(instance.tolist())) == scene.instance.max() + 2
    assert np.array_equal(scene.instance < 0, instance == 0)


def test_without_objects_release_1s_labels_are_raw_ids(real, first_release, tmp_path):
    place = tmp_path / SCAN
    shutil.copytree(real / "scans" / SCAN, place)
    (place / f"{SCAN}.aggregation.json").unlink()
    reading = read(place, tmp_path)
    assert np.array_equal(reading.scene.segment, first_release.segment)
    assert reading.notes == ()
    assert (reading.scene.instance == -1).all()


def relabelled(place, ids):
    """Write ids into labels.ply in place of its own."""
    path = place / f"{SCAN}_vh_clean_2.labels.ply"
    content = bytearray(path.read_bytes())
    start = content.index(b"end_header\n") + len(b"end_header\n")
    for i, label in enumerate(ids):
        struct.pack_into("<H", content, start + 18 * i + 16, label)
    path.write_bytes(content)
    (place / f"{SCAN}.aggregation.json").unlink()


def test_without_objects_release_2s_labels_are_nyu40_ids(real, second_release):
    nyu40 = np.load(real / "v2_labels" / SCAN / "nyu40.npy")
    place = second_release / "scans" / SCAN
    relabelled(place, nyu40.tolist())
    reading = read(place, second_release)
    assert np.array_equal(reading.scene.segment, classes_of(nyu40))
    assert reading.notes == ()
    (place / f"{SCAN}.txt").write_text("numDepthFrames = 5\n")
    again = read(place, second_release)
    assert np.array_equal(again.scene.segment, reading.scene.segment)
    assert "read as nyu40" in again.notes[0]


def test_a_label_beyond_the_table_is_refused_with_file_and_vertex(second_release):
    place = second_release / "scans" / SCAN
    relabelled(place, [1, 3, 60_000])
    with pytest.raises(BadInput, match=r"labels\.ply: vertex 2 has label 60000; .*from 1 to \d+"):
        read(place, second_release)


def test_the_table_beside_the_scans_goes_before_the_recipes(second_release):
    table = second_release / "scannet-labels.combined.tsv"
    table.write_text("id\traw_category\tnyu40id\n1\twall\t2\n")
    scene = read(second_release / "scans" / SCAN, second_release).scene
    recipe, _ = find_recipe("scannet")
    floor = next(i for i, entry in enumerate(recipe.classes) if 2 in entry.raw)
    assert set(scene.segment.tolist()) == {-1, floor}


@pytest.fixture
def small(tmp_path):
    """Four vertices, two faces, two segments, one object."""
    place = tmp_path / SCAN
    place.mkdir()
    write_mesh(place)
    (place / f"{SCAN}_vh_clean_2.0.010000.segs.json").write_text('{"segIndices": [4, 4, 9, 9]}')
    (place / f"{SCAN}.aggregation.json").write_text(
        '{"segGroups": [{"id": 3, "label": "wall", "segments": [9]}]}'
    )
    return place


def write_mesh(place, z="0", faces=("3 0 1 2", "3 1 3 2")):
    vertices = (f"0 0 {z} 1 2 3 255", "1 0 0 1 2 3 255", "0 1 0 1 2 3 255", "1 1 0 1 2 3 255")
    kinds = [f"property float {axis}" for axis in "xyz"]
    kinds += [f"property uchar {name}" for name in ("red", "green", "blue", "alpha")]
    lines = ["ply", "format ascii 1.0", "element vertex 4", *kinds]
    lines += ["element face 2", "property list uchar int vertex_indices", "end_header"]
    mesh = "\n".join([*lines, *vertices, *faces]) + "\n"
    (place / f"{SCAN}_vh_clean_2.ply").write_text(mesh)


def test_a_small_scan_is_read_as_it_was_written(small):
    scene = read(small, small.parent).scene
    assert scene.segment.tolist() == [-1, -1, 0, 0]
    assert scene.instance.tolist() == [-1, -1, 0, 0]
    assert scene.normal is not None
    assert scene.normal.tolist() == [[0, 0, 1]] * 4


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (".aggregation.json", '{"segGroups": [{"id": 3, "label": "wall", "segments": [5]}]}',
         "object 3 has segment 5"),
        (".aggregation.json", '{"segGroups": [{"id": 3, "segments": [9]}]}', "lacks id, label"),
        (".aggregation.json", '{"segGroups": 7}', "no list 'segGroups'"),
        (".aggregation.json", "\x80\x04", "not JSON"),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": [4, 4, 9]}', "mesh has 4 vertices"),
        ("_vh_clean_2.0.010000.segs.json", '{"segIndices": ["a", 4, 9, 9]}', "segIndices"),
        ("_vh_clean_2.ply", "ply\nend_header\n", "format"),
        ("_vh_clean_2.ply", "solid\n", "not a PLY file"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_by_its_name_and_reason(small, file, content, reason):
    (small / f"{SCAN}{file}").write_text(content)
    with pytest.raises(BadInput) as refused:
        read(small, small.parent)
    assert f"{SCAN}{file}" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"z": "nan"}, "not finite"),
        ({"z": "inf"}, "not finite"),
        ({"faces": ("3 0 1 4", "3 1 3 2")}, "vertex 4 of 4"),
        ({"faces": ("3 0 1 2",)}, "cut off"),
        ({"faces": ("4 0 1 2 3", "3 1 3 2")}, "face"),
    ],
)
def test_a_broken_mesh_is_refused_by_its_name_and_reason(small, change, reason):
    write_mesh(small, **change)
    with pytest.raises(BadInput, match=rf"vh_clean_2\.ply.*{reason}"):
        read(small, small.parent)


def test_a_scan_that_is_not_there_is_not_found(tmp_path):
    assert scannet.find(tmp_path, SCAN) == {}
