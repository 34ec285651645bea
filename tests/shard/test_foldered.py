"""A folder that Pointcept preprocessed becomes the shards that the raw scans become."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.foldered import foldered
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.pack import PackOptions, PackReport, pack
from ppt_dist.shard.readers.pointcept import as_pointcept
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.records import Records
from ppt_dist.shard.spread import processes
from ppt_dist.shard.staging import INPUTS
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain
from tests.pointcept_folders import WRITE

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
    _, beside = find_recipe("s3dis")
    shutil.copytree(beside, tmp_path / "mine")
    text = (beside / "recipe.toml").read_text().replace('name = "s3dis"', 'name = "mine"', 1)
    (tmp_path / "mine/recipe.toml").write_text(text)

    words = ["--recipe", str(tmp_path / "mine"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["import", "pointcept", str(folders / "s3dis"), *words])

    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out/mine/manifest.json").read_text())["domain"] == "mine"
