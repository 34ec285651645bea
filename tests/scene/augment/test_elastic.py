"""Elastic distortion against scipy's convolution and interpolation, step by step."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve1d

from ppt_dist.scene.augment.elastic import ElasticDistortion, drift, nodes_over, smooth


@pytest.mark.parametrize("spacing", [0.2, 0.8])
def test_a_field_is_noise_blurred_by_boxes_and_read_trilinearly(scene, spacing):
    low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
    nodes = nodes_over(scene.coord, spacing)
    noise = np.random.default_rng(3).standard_normal((*nodes, 3)).astype(np.float32)

    blurred = noise.astype(float)
    for axis in (0, 1, 2, 0, 1, 2):
        blurred = convolve1d(blurred, np.ones(3) / 3, axis=axis, mode="constant", cval=0)
    axes = [first - spacing + spacing * np.arange(n) for first, n in zip(low, nodes, strict=True)]
    assert all(a[-1] >= top for a, top in zip(axes, high, strict=True))
    expected = RegularGridInterpolator(axes, blurred)(scene.coord)

    assert smooth(noise) == pytest.approx(blurred, abs=1e-6)
    assert drift(scene.coord, smooth(noise), spacing) == pytest.approx(expected, abs=1e-5)


def test_the_published_pair_of_fields_is_applied_one_after_the_other(scene):
    expected, rng = scene.coord, np.random.default_rng(4)
    rng.random()
    for spacing, magnitude in ((0.2, 0.4), (0.8, 1.6)):
        noise = rng.standard_normal((*nodes_over(expected, spacing), 3), np.float32)
        expected = expected + np.float32(magnitude) * drift(expected, smooth(noise), spacing)

    bent = ElasticDistortion(share=1)(scene, np.random.default_rng(4))

    assert np.array_equal(bent.coord, expected)
    assert bent.coord.dtype == np.float32
    assert bent.normal is scene.normal
    assert bent.segment is scene.segment


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
    noise = np.random.default_rng(0).standard_normal((*nodes_over(coord, 0.2), 3), np.float32)
    assert np.isfinite(drift(coord, noise, 0.2)).all()
    assert drift(coord, noise, 0.2)[0] == pytest.approx(noise[1, 1, 1], abs=1e-6)


def test_so_many_scenes_as_the_share_says_are_bent(scene):
    one, rng = scene.take(np.arange(2)), np.random.default_rng(0)
    bent = [ElasticDistortion()(one, rng) is not one for _ in range(1000)]
    assert 920 < sum(bent) < 980
