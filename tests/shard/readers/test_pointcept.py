"""Files as Pointcept's preprocessing writes them are read, and any others refused by name."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import pointcept
from ppt_dist.shard.readers.pointcept import as_pointcept
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.scan import find_scans
from tests.pointcept_folders import save


def room(place: Path, points: int = 4, **changes) -> Path:
    """A whole little scene, with some arrays replaced; None leaves one out."""
    rng = np.random.default_rng(1)
    arrays = {
        "coord": rng.random((points, 3)).astype(np.float32),
        "color": rng.integers(2, 256, (points, 3)).astype(np.uint8),
        "normal": np.eye(3, dtype=np.float32)[rng.integers(0, 3, points)],
        "segment": rng.integers(-1, 13, points).astype(np.int16),
        "instance": np.arange(points),
    }
    save(place, {n: a for n, a in (arrays | changes).items() if a is not None})
    return place


def read(place: Path, **changes):
    recipe, folder = find_recipe("s3dis")
    raw = Raw(place.parent, as_pointcept(recipe, changes.pop("ignore", ())), folder)
    return pointcept.read("Area_1/a", room(place, **changes), raw)


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "<f2"])
def test_coordinates_of_any_float_are_read(tmp_path, dtype):
    coord = np.arange(12).reshape(4, 3).astype(dtype)

    assert np.array_equal(read(tmp_path / "a", coord=coord).scene.coord, coord.astype("<f4"))


@pytest.mark.parametrize("dtype", ["i2", "i4", "i8", "u1", "u8"])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_of_any_integer_and_both_shapes_are_read(tmp_path, dtype, shape):
    ids = np.array([0, 3, 12, 3], dtype).reshape(shape)

    scene = read(tmp_path / "a", segment=ids, instance=ids).scene

    assert scene.segment.tolist() == [0, 3, 12, 3]
    assert scene.instance.tolist() == [0, 1, 2, 1]


def test_colours_of_floats_are_rounded_and_told_where_that_changes_one(tmp_path):
    whole = np.array([[0, 128, 255]] * 4, np.float64)

    plain = read(tmp_path / "a", color=whole)
    rounded = read(tmp_path / "a", color=np.where(whole == 128, 127.6, whole))

    assert plain.scene.color is not None
    assert plain.scene.color.tolist() == [[0, 128, 255]] * 4
    assert plain.notes == ()
    assert rounded.scene.color is not None
    assert np.array_equal(rounded.scene.color, plain.scene.color)
    assert "colours of 4 points were rounded" in rounded.notes[0]


def test_channels_that_the_folder_lacks_are_told(tmp_path):
    reading = read(tmp_path / "a", normal=None, instance=None)

    assert set(reading.scene.instance.tolist()) == {-1}
    assert reading.notes == (f"{tmp_path / 'a'}: no normal.npy: normals were estimated",)
    assert read(tmp_path / "b", color=None).notes == (f"{tmp_path / 'b'}: no color.npy",)


def test_an_id_that_stands_for_no_class_can_be_named(tmp_path):
    ids = np.array([0, 255, 12, 255], np.uint8)

    assert read(tmp_path / "a", segment=ids, ignore=(255,)).scene.segment.tolist() == [
        0,
        -1,
        12,
        -1,
    ]


NAN = np.array([[0, 0, np.nan]] * 4, np.float32)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"coord": None}, r"coord\.npy: no such file"),
        ({"coord": NAN}, "coord of point 0 is not finite"),
        ({"coord": np.full((4, 3), 1e300)}, "coord of point 0 is not finite"),
        ({"coord": np.zeros((0, 3), np.float32)}, "no points"),
        ({"coord": np.zeros((4, 3), np.int32)}, "int32 of shape"),
        ({"coord": np.zeros((4, 2), np.float32)}, "not floats of"),
        ({"color": np.full((3, 3), 9, np.uint8)}, r"shape \(3, 3\), but coord.npy has 4 points"),
        ({"color": np.full((4, 3), 256, np.int16)}, "colours from 256.0 to 256.0"),
        ({"color": np.full((4, 3), 0.5, np.float32)}, "of 0 to 1 or of 0 to 255"),
        ({"color": NAN}, "colours from nan"),
        ({"normal": NAN}, "normal of point 0 is not finite"),
        ({"normal": np.full((4, 3), 2.0, np.float32)}, "length 3.46"),
        ({"segment": np.array([0, 1, 2, 13])}, r"segment\.npy: ids from 0 to 13, .*ceiling, floor"),
        ({"segment": np.array([0, 1, 2, -2])}, "ids from -2 to 2"),
        ({"segment": np.array([0, 1, 2, 255], np.uint8)}, "--ignore ID"),
        ({"segment": np.zeros(4, np.float32)}, "ids are whole numbers"),
        ({"segment": np.zeros((4, 2), np.int16)}, r"shape \(4, 2\)"),
        ({"segment": None, "segment20": np.zeros(4, np.int16)}, "only segment20.npy"),
        ({"segment": np.array([{}] * 4, object)}, "not an .npy file of numbers"),
        ({"instance": np.full(4, 2**63, np.uint64)}, "instance.npy: ids up to"),
        ({"instance": np.array(["a"] * 4)}, "not numbers"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_refused_by_name(tmp_path, changes, reason):
    with pytest.raises(BadInput, match=reason):
        read(tmp_path / "a", **changes)


def test_a_header_that_is_no_python_is_refused_in_a_scan_of_its_own_too(tmp_path):
    path = tmp_path / "scan.npy"
    np.save(path, np.zeros((4, 3), np.float32))
    path.write_bytes(path.read_bytes().replace(b"(4, 3)", b"((4, 3"))
    recipe, beside = find_recipe("s3dis")
    (scan,) = find_scans(path, recipe, beside)

    with pytest.raises(BadInput, match=r"scan\.npy: not an \.npy file of numbers"):
        scan.read()


@given(st.integers(0, 200), st.binary(max_size=3), st.sampled_from(["segment", "coord", "color"]))
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path_factory, place, other, name):
    folder = room(tmp_path_factory.mktemp("a") / "a")
    path = folder / f"{name}.npy"
    content = path.read_bytes()
    path.write_bytes(content[:place] + other + content[place + len(other) :])
    recipe, beside = find_recipe("s3dis")

    refused = ""
    try:
        pointcept.read("a", folder, Raw(folder.parent, as_pointcept(recipe), beside))
    except BadInput as error:
        refused = str(error)

    assert not refused or str(folder) in refused
