"""Poses of a test-time augmentation, each by the law that it must keep."""

import numpy as np
import pytest

from ppt_dist.scene.augment.pose import Pose


def normals(scene):
    assert scene.normal is not None
    return scene.normal


def test_a_pose_of_nothing_changes_no_bit(scene):
    posed = Pose()(scene)

    assert np.array_equal(posed.coord, scene.coord)
    assert np.array_equal(normals(posed), normals(scene))


def test_a_quarter_turn_takes_x_to_y_and_y_to_minus_x(scene):
    posed = Pose(turn=0.5)(scene)

    for before, after in ((scene.coord, posed.coord), (scene.normal, posed.normal)):
        x, y, z = before.T
        assert after == pytest.approx(np.stack([-y, x, z], axis=1), abs=1e-6)


def test_a_scale_moves_points_and_leaves_normals(scene):
    posed = Pose(scale=0.95)(scene)

    assert np.array_equal(posed.coord, scene.coord * np.float32(0.95))
    assert np.array_equal(normals(posed), normals(scene))


def test_a_flip_is_the_half_turn_as_in_the_official_code(scene):
    flipped, turned = Pose(flip=True)(scene), Pose(turn=1.0)(scene)

    assert np.array_equal(flipped.coord, scene.coord * np.array([-1, -1, 1]))
    assert flipped.coord == pytest.approx(turned.coord, abs=1e-6)
    assert flipped.normal == pytest.approx(turned.normal, abs=1e-6)
