"""Augmentations that leave points out."""

import numpy as np
import pytest

from ppt_dist.scene.augment.sampling import Dropout


def test_the_rest_keeps_its_order_and_every_point_stays_equally_often(scene):
    rng, kept = np.random.default_rng(0), np.zeros(300)
    scene = scene.take(np.arange(300))
    scene.instance[:] = np.arange(300)
    for _ in range(400):
        thin = Dropout(share=1, ratio=0.25)(scene, rng)
        assert len(thin) == 225
        assert (np.diff(thin.instance) > 0).all()
        assert np.array_equal(thin.coord, scene.coord[thin.instance])
        assert np.array_equal(thin.segment, scene.segment[thin.instance])
        kept[thin.instance] += 1
    # Binomial: mean 300, standard deviation 8.7.
    assert kept.min() > 300 - 45
    assert kept.max() < 300 + 45


def test_so_many_scenes_as_the_share_says_lose_points(scene):
    rng = np.random.default_rng(0)
    thin = [Dropout(share=0.2)(scene, rng) is not scene for _ in range(1000)]
    assert 160 < sum(thin) < 240


@pytest.mark.parametrize("points", [1, 2])
def test_a_scene_never_loses_its_last_point(scene, points):
    tiny = scene.take(np.arange(points))
    assert len(Dropout(share=1, ratio=0.9)(tiny, np.random.default_rng(0))) == 1
