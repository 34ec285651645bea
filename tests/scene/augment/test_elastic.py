"""Elastic distortion against scipy's convolution and interpolation, step by step."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve1d

from ppt_dist.scene.augment.elastic import ElasticDistortion, drifted, nodes_over, smooth
from ppt_dist.scene.augment.noise import noise
from ppt_dist.scene.rows import bounds


@pytest.mark.parametrize("spacing", [0.2, 0.8])
def test_a_field_is_noise_blurred_by_boxes_and_read_trilinearly(scene, spacing):
    low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
    nodes = nodes_over(bounds(scene.coord), spacing)
    white = np.random.default_rng(3).standard_normal((*nodes, 3)).astype(np.float32)

    blurred = white.astype(float)
    for axis in (0, 1, 2, 0, 1, 2):
        blurred = convolve1d(blurred, np.ones(3) / 3, axis=axis, mode="constant", cval=0)
    axes = [first - spacing + spacing * np.arange(n) for first, n in zip(low, nodes, strict=True)]
    assert all(a[-1] >= top for a, top in zip(axes, high, strict=True))
    expected = scene.coord + RegularGridInterpolator(axes, blurred)(scene.coord)

    assert smooth(white) == pytest.approx(blurred, abs=1e-6)
    assert drifted(scene.coord, smooth(white), low, spacing) == pytest.approx(expected, abs=1e-5)


def test_the_published_pair_of_fields_is_applied_one_after_the_other(scene):
    expected, rng = scene.coord, np.random.default_rng(4)
    rng.random()
    for spacing, magnitude in ((0.2, 0.4), (0.8, 1.6)):
        box = bounds(expected)
        nodes = nodes_over(box, spacing)
        white = noise(int(np.prod(nodes)), magnitude, rng).reshape(*nodes, 3)
        expected = drifted(expected, smooth(white), box.low, spacing)

    bent = ElasticDistortion(share=1)(scene, np.random.default_rng(4))

    assert np.array_equal(bent.coord, expected)
    assert bent.coord.dtype == np.float32
    assert bent.normal is scene.normal
    assert bent.segment is scene.segment


def test_the_drift_at_the_nodes_has_the_spread_of_white_noise_blurred_twice():
    # Twice the mean of three on each axis is 1 2 3 2 1 over 9: its squares sum to 19 / 81.
    corner = np.zeros((1, 3), np.float32)
    rng = np.random.default_rng(0)
    nodes = (7, 7, 7)
    inner = [smooth(noise(343, 0.4, rng).reshape(*nodes, 3))[3, 3, 3] for _ in range(400)]
    assert np.std(inner) == pytest.approx(0.4 * (19 / 81) ** 1.5, rel=0.08)
    assert np.array_equal(drifted(corner, np.zeros((3, 3, 3, 3), np.float32), corner[0], 1), corner)


def test_near_points_drift_together_and_far_ones_do_not(scene):
    rng = np.random.default_rng(0)
    scene.coord[1] = scene.coord[0] + np.float32(0.01)
    moved = np.stack([ElasticDistortion()(scene, rng).coord - scene.coord for _ in range(40)])
    assert np.abs(moved[:, 0] - moved[:, 1]).max() < 0.1
    assert moved.std() > 0.1
    far = int(np.argmax(np.linalg.norm(scene.coord - scene.coord[0], axis=1)))
    assert np.abs(moved[:, 0] - moved[:, far]).max() > 0.3


def test_points_on_the_faces_of_the_grid_are_read_inside_it():
    coord = np.array([[0, 0, 0], [0.4, 0.2, 0.6], [0.2, 0.2, 0.2]], np.float32)
    box = bounds(coord)
    field = np.random.default_rng(0).standard_normal((*nodes_over(box, 0.2), 3), np.float32)
    moved = drifted(coord, field, box.low, 0.2)
    assert np.isfinite(moved).all()
    assert moved[0] == pytest.approx(field[1, 1, 1], abs=1e-6)


def test_a_coordinate_that_is_not_a_number_is_not_read_as_an_address():
    coord = np.array([[0, 0, 0], [np.nan, 0.2, 0.6], [0.2, np.nan, np.nan]], np.float32)
    moved = drifted(coord, np.ones((4, 4, 6, 3), np.float32), np.zeros(3, np.float32), 0.2)
    assert np.array_equal(np.isnan(moved).any(axis=1), [False, True, True])


def test_so_many_scenes_as_the_share_says_are_bent(scene):
    one, rng = scene.take(np.arange(2)), np.random.default_rng(0)
    bent = [ElasticDistortion()(one, rng) is not one for _ in range(1000)]
    assert 920 < sum(bent) < 980
