"""Scenes, batches and label sets."""

import numpy as np
import pytest
from pydantic import ValidationError

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene


def voxels(name, n, start):
    return VoxelScene(
        name=name,
        grid=np.full((n, 3), start, np.int32),
        feat=np.full((n, 2), start, np.float32),
        label=np.full(n, start - 1, np.int16),
    )


def test_taking_points_takes_every_array_alike(scene):
    which = np.array([5, 0, 299])
    part = scene.take(which)
    for name in ("coord", "segment", "instance", "color", "normal"):
        assert np.array_equal(getattr(part, name), getattr(scene, name)[which])
    bare = Scene("bare", scene.coord, scene.segment, scene.instance).take(which)
    assert bare.color is None
    assert bare.normal is None


def test_a_batch_lays_its_scenes_end_to_end():
    batch = SceneBatch.of("a", [voxels("x", 2, 0), voxels("y", 3, 1)], channels=2)
    assert batch.names == ("x", "y")
    assert batch.offset.tolist() == [2, 5]
    assert batch.scene_of_voxel().tolist() == [0, 0, 1, 1, 1]
    assert batch.feat[:, 0].tolist() == [0, 0, 1, 1, 1]
    assert batch.label.tolist() == [-1, -1, 0, 0, 0]


def test_a_batch_without_a_scene_has_no_voxel_and_the_width_of_the_others():
    batch = SceneBatch.of("a", [], channels=2)
    assert batch.feat.shape == (0, 2)
    assert batch.grid.shape == (0, 3)
    assert batch.offset.tolist() == []
    assert batch.scene_of_voxel().tolist() == []


def test_a_label_set_refuses_a_name_that_stands_twice_and_words_that_are_missing():
    with pytest.raises(ValidationError, match=r"\['wall'\] stand twice"):
        LabelSet(names=("wall", "wall"), words=("wall", "wall"))
    with pytest.raises(ValidationError, match="2 names but 1 words"):
        LabelSet(names=("wall", "floor"), words=("wall",))


def test_segments_are_inside_a_table_of_three_from_unlabelled_to_2():
    labels = LabelSet(names=("a", "b", "c"), words=("a", "b", "c"))
    assert len(labels) == 3
    assert not labels.outside(-1, 2)
    assert labels.outside(-2, 2)
    assert labels.outside(-1, 3)
