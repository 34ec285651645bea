from dataclasses import replace

import numpy as np
import pytest

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.section import BadInput
from ppt_dist.train.evaluate import EvalScenes
from ppt_dist.train.forest import forest_baseline, labelled_voxels
from ppt_dist.train.look import Look

LABELS = LabelSet(names=("low", "middle", "high"), words=("low", "middle", "high"))


def make_scene(key, unlabelled=False):
    dice = np.random.Generator(np.random.Philox(key=key))
    feat = dice.random((60, 7), dtype=np.float32)
    label = np.where(feat[:, 0] < 0.5, 0, 2).astype(np.int16)
    inverse = dice.integers(0, 60, 150)
    if unlabelled:
        label = np.full_like(label, -1)
    grid = np.arange(180, dtype=np.int32).reshape(60, 3)
    return VoxelScene(f"s{key}", grid, feat, label, inverse, label[inverse])


def scenes(first, count, unlabelled=False):
    names = tuple(str(i) for i in range(count))
    return EvalScenes(LABELS, 7, count, lambda i: make_scene(first + i, unlabelled), look, names)


def look(i, prediction):
    scene = make_scene(i)
    assert scene.point_label is not None
    return Look(str(i), np.zeros((150, 3), np.float32), None, scene.point_label, prediction)


def test_the_forest_learns_what_height_alone_decides():
    (result,) = forest_baseline({"a": scenes(0, 3)}, {"a": scenes(9, 2)}, jobs=1).values()

    assert result.scores.miou_present > 0.9
    assert result.scores.iou["middle"] == 0
    assert result.points == 300


def test_the_forest_is_the_same_for_any_number_of_threads():
    results = [
        forest_baseline({"a": scenes(0, 2)}, {"a": scenes(9, 2)}, jobs=jobs)["a"].scores
        for jobs in (1, 2)
    ]

    assert results[0] == results[1]


def test_only_labelled_voxels_are_learnt_from():
    feat, label = labelled_voxels(replace(scenes(0, 2), read=lambda i: make_scene(i, i == 0)))

    assert np.array_equal(feat, make_scene(1).feat)
    assert np.array_equal(label, make_scene(1).label)


def test_a_domain_without_labels_is_bad_input_that_names_it():
    with pytest.raises(BadInput, match="domain a has no labelled voxel"):
        forest_baseline({"a": scenes(0, 2, True)}, {"a": scenes(9, 1)}, jobs=1)
