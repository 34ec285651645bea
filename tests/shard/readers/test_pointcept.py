"""What Pointcept preprocessed becomes the shards that the raw scans become, or is refused."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.foldered import foldered
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.pack import PackOptions, PackReport, pack
from ppt_dist.shard.readers import pointcept
from ppt_dist.shard.readers.pointcept import as_pointcept
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import Recipe, find_recipe
from ppt_dist.shard.records import Records
from ppt_dist.shard.spread import processes
from ppt_dist.shard.staging import INPUTS
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain
from tests.pointcept_folders import WRITE, save

ARRAYS = ("coord", "color", "normal", "segment", "instance")
NYU40 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
STRUCTURED3D = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 15, 16, 17, 18, 19, 22, 24, 25, 32, 34, 35, 38, 39, 40)  # noqa: E501  # fmt: skip
S3DIS = "ceiling floor wall beam column window door table chair sofa bookcase board clutter"


def take(domain: str, folder: Path, out: Path, workers: int = 1, **options) -> PackReport:
    recipe, beside = find_recipe(domain)
    chosen = PackOptions(processes(workers), find=foldered, **options)
    return pack(as_pointcept(recipe), beside, folder, out, chosen, lambda *_: None)


@pytest.fixture(scope="module")
def folders(raw, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("pointcept")
    for domain, write in WRITE.items():
        write(raw / domain, out / domain)
    return out


@pytest.mark.parametrize("domain", [*WRITE])
def test_what_is_imported_is_what_packing_the_raw_scans_gives(raw, folders, tmp_path, domain):
    ours = pack_domain(domain, raw, tmp_path / "packed")
    report = take(domain, folders, tmp_path / "imported", workers=2)

    assert validate(report.folder, lambda *_: None) == []
    assert report.manifest.labels == ours.manifest.labels
    assert (report.manifest.grid, report.manifest.licence) == (
        ours.manifest.grid,
        ours.manifest.licence,
    )
    for split, part in ours.manifest.splits.items():
        mine, theirs = (Records.open(f, split) for f in (ours.folder, report.folder))
        assert theirs.names == mine.names
        assert report.manifest.splits[split].absent == part.absent
        for i in range(len(mine)):
            for name in ARRAYS:
                assert np.array_equal(getattr(mine[i], name), getattr(theirs[i], name)), (i, name)
        for shard in part.shards:
            tars = [(f / shard.name).read_bytes() for f in (ours.folder, report.folder)]
            assert tars[0] == tars[1]


def test_the_same_files_in_another_place_give_the_same_bytes_by_any_workers(folders, tmp_path):
    shutil.copytree(folders / "s3dis", tmp_path / "copied", copy_function=shutil.copyfile)
    recipe, beside = find_recipe("s3dis")
    small = as_pointcept(recipe.model_copy(update={"scenes_per_shard": 1}))
    made = {}
    for workers, source in ((1, folders / "s3dis"), (3, tmp_path / "copied")):
        options = PackOptions(processes(workers), find=foldered)
        out = tmp_path / str(workers)
        pack(small, beside, source, out, options, lambda *_: None)
        paths = (path for path in (out / "s3dis").iterdir() if path.name != INPUTS)
        made[workers] = {path.name: path.read_bytes() for path in paths}

    assert len(made[1]) == 7
    assert made[1] == made[3]


def test_normals_that_s3dis_lacks_are_estimated_as_from_the_raw_scans(raw, folders, tmp_path):
    shutil.copytree(folders / "s3dis", tmp_path / "s3dis")
    for path in (tmp_path / "s3dis").rglob("normal.npy"):
        path.unlink()

    take("s3dis", tmp_path, tmp_path / "imported")
    pack_domain("s3dis", raw, tmp_path / "packed")

    for name in ("train-000000.tar", "val-000000.tar"):
        a, b = (tmp_path / f"{kind}/s3dis/{name}" for kind in ("imported", "packed"))
        assert a.read_bytes() == b.read_bytes()


def test_the_classes_of_the_recipes_are_in_pointcepts_order():
    orders = {d: [c.raw for c in find_recipe(d)[0].classes] for d in WRITE}

    assert orders["scannet"] == [(i,) for i in NYU40]
    assert orders["structured3d"] == [(i,) for i in STRUCTURED3D]
    assert [names[0] for names in orders["s3dis"]] == S3DIS.split()


def test_importing_again_says_that_all_is_done_and_a_changed_file_is_imported_anew(
    folders, tmp_path
):
    shutil.copytree(folders / "s3dis", tmp_path / "s3dis")
    first, again = (take("s3dis", tmp_path, tmp_path / "out") for _ in range(2))
    color = next((tmp_path / "s3dis").glob("Area_5/*/color.npy"))
    np.save(color, 255 - np.load(color))
    changed = take("s3dis", tmp_path, tmp_path / "out")

    assert (first.unchanged, again.unchanged, changed.unchanged) == (False, True, False)


def test_a_structured3d_recipe_of_the_official_frame_takes_the_points_as_they_are(
    folders, tmp_path
):
    recipe, beside = find_recipe("structured3d")
    official = recipe.model_copy(update={"options": recipe.options | {"frame": "official"}})
    options = PackOptions(find=foldered, splits=("val",))
    pack(as_pointcept(official), beside, folders, tmp_path, options, lambda *_: None)

    scene = Records.open(tmp_path / "structured3d", "val")[0]
    place = folders / "structured3d/val" / scene.name.replace("_room", "/room")
    assert np.array_equal(scene.coord, np.load(place / "coord.npy"))


def test_a_scene_of_no_list_is_packed_and_told(folders, tmp_path):
    shutil.copytree(folders / "scannet/val", tmp_path / "val")
    shutil.copytree(next((tmp_path / "val").iterdir()), tmp_path / "val/kitchen")

    report = take("scannet", tmp_path, tmp_path / "out", splits=("val",))

    assert "kitchen" in Records.open(report.folder, "val").names
    assert report.notes == ("val: 1 scenes that the recipe's lists do not name: kitchen",)


def test_a_scene_in_the_folder_of_another_split_is_refused(folders, tmp_path):
    shutil.copytree(folders / "scannet/val", tmp_path / "train")

    with pytest.raises(BadInput, match=r"train/scene\d+_00: the recipe's list has .* in val"):
        take("scannet", tmp_path, tmp_path / "out")


def test_scenes_without_labels_are_taken_from_test_and_refused_elsewhere(folders, tmp_path):
    scene = next((folders / "scannet/val").iterdir())
    for split, name in (("test", "scene0707_00"), ("val", scene.name)):
        shutil.copytree(scene, tmp_path / split / name)
        for path in (tmp_path / split / name).glob("segment*"):
            path.unlink()

    take("scannet", tmp_path, tmp_path / "out", splits=("test",))

    assert set(Records.open(tmp_path / "out/scannet", "test")[0].segment.tolist()) == {-1}
    with pytest.raises(BadInput, match=r"no segment file, but neither segment20\.npy"):
        take("scannet", tmp_path, tmp_path / "out", splits=("val",))


@pytest.mark.parametrize("where", ["", "train/", "Area_1/"])
def test_pickles_of_older_releases_are_refused_with_the_way_out_and_not_run(tmp_path, where):
    domain = "s3dis" if "Area" in where else "scannet"
    path = tmp_path / f"raw/{where}one.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(Hostile(tmp_path / "run")))

    with pytest.raises(BadInput, match=r"one\.pth: one pickle a scene.*np\.save"):
        take(domain, tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "run").exists()


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


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


def test_the_command_imports_names_what_is_broken_and_goes_on_without_it(folders, tmp_path):
    shutil.copytree(folders / "s3dis", tmp_path / "s3dis")
    broken = next((tmp_path / "s3dis").glob("Area_5/*")) / "segment.npy"
    np.save(broken, np.load(broken) + 100)
    given_words = ["import", "pointcept", str(tmp_path / "s3dis"), "--recipe", "s3dis"]
    words = [*given_words, "--out", str(tmp_path / "out")]

    refused = CliRunner().invoke(app, words)
    left_out = CliRunner().invoke(app, [*words, "--skip-broken"])

    assert isinstance(refused.exception, BadInput)
    assert f"{broken}: ids from 100" in str(refused.exception)
    assert left_out.exit_code == 1
    assert "packed" in left_out.stdout
    (name,) = read_manifest(tmp_path / "out/s3dis").splits["val"].broken
    assert name.startswith("Area_5/")
    assert CliRunner().invoke(app, [*words, "--split", "train"]).exit_code == 0


def test_a_recipe_of_ones_own_is_taken_by_its_path(folders, tmp_path):
    recipe, beside = find_recipe("s3dis")
    mine = recipe.model_copy(update={"name": "mine"})
    shutil.copytree(beside, tmp_path / "mine")
    text = (beside / "recipe.toml").read_text().replace('name = "s3dis"', 'name = "mine"', 1)
    (tmp_path / "mine/recipe.toml").write_text(text)
    assert isinstance(mine, Recipe)

    words = ["--recipe", str(tmp_path / "mine"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["import", "pointcept", str(folders / "s3dis"), *words])

    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out/mine/manifest.json").read_text())["domain"] == "mine"
