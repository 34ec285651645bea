"""``ppt-dist predict`` with a trained run."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.readers.ply import read_ply
from ppt_dist.synth.make import scene_ids

pytestmark = pytest.mark.slow


def predict(*words):
    result = CliRunner().invoke(app, ["predict", *map(str, words), "--json"])
    if isinstance(result.exception, BadInput):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_each_scan_becomes_labels_in_its_order_coloured_points_and_a_picture(
    trained, raw, tmp_path
):
    room = raw / "s3dis" / scene_ids("s3dis", 3)[2]
    own = np.random.default_rng(0).random((500, 3)) * (2, 1, 1)
    np.save(tmp_path / "own.npy", own)
    out = tmp_path / "out"
    told = predict(trained, room, tmp_path / "own.npy", "--domain", "s3dis", "--out", out)
    name = scene_ids("s3dis", 3)[2].replace("/", "-")
    assert set(told) == {name, "own"}
    for scan, facts in told.items():
        label = np.load(out / f"{scan}.npy", allow_pickle=False)
        assert label.shape == (facts["points"],)
        assert 0 <= label.min() <= label.max() < 13
        counted = list(facts["points_by_class"].values())
        assert counted == np.bincount(label, minlength=13).tolist()
        ply = read_ply(out / f"{scan}.ply").vertex
        assert np.array_equal(ply["label"], label)
        picture = np.asarray(Image.open(io.BytesIO((out / f"{scan}.png").read_bytes())))
        assert 450 < max(picture.shape) <= 900
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1
    points = read_ply(out / "own.ply").vertex
    assert np.column_stack([points[axis] for axis in "xyz"]) == pytest.approx(own, abs=1e-6)


def test_tiles_bound_what_the_net_sees_and_change_little(trained, raw, tmp_path):
    room = raw / "s3dis" / scene_ids("s3dis", 3)[0]
    given = (trained, room, "--domain", "s3dis", "--out")
    predict(*given, tmp_path / "whole")
    predict(*given, tmp_path / "tiled", "--most", 2500, "--margin", 8)
    (whole,), (tiled,) = (
        [np.load(path, allow_pickle=False) for path in (tmp_path / name).glob("*.npy")]
        for name in ("whole", "tiled")
    )
    assert (whole == tiled).mean() > 0.8


def test_what_the_model_does_not_know_is_refused_and_nothing_is_written(trained, tmp_path):
    np.save(tmp_path / "own.npy", np.zeros((5, 3)))
    out = tmp_path / "out"
    before = (tmp_path / "own.npy").read_bytes()
    for words, told in (
        ((trained, tmp_path / "own.npy", "--domain", "s3dis", "--out", tmp_path), "its labels"),
        ((trained, tmp_path / "own.npy", "--domain", "kitti"), "known: s3dis, scannet"),
        ((tmp_path, tmp_path / "own.npy", "--domain", "s3dis"), "is not a run's folder"),
        ((trained, tmp_path / "none.e57", "--domain", "s3dis"), "does not exist"),
    ):
        with pytest.raises(BadInput, match=told):
            predict(*(words if "--out" in words else (*words, "--out", out)))
    assert not out.exists()
    assert (tmp_path / "own.npy").read_bytes() == before
