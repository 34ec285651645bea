"""Augmentations that leave points out."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.scene.augment.sampling import Dropout
from ppt_dist.scene.scene import Scene


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


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.integers(0, 9))
def test_exactly_the_part_that_is_asked_for_is_left_out(points, ratio, seed):
    coord = np.arange(3 * points, dtype=np.float32).reshape(-1, 3)
    scene = Scene("a", coord, np.zeros(points, np.int16), np.arange(points, dtype=np.int32))
    thin = Dropout(share=1, ratio=ratio)(scene, np.random.default_rng(seed))
    assert len(thin) == max(int(points * (1 - ratio)), 1)
    assert (np.diff(thin.instance) > 0).all()


def test_the_points_that_stay_are_those_of_the_first_day(scene):
    rng = np.random.Generator(np.random.Philox(key=1))
    scene.instance[:] = np.arange(300)
    thin = Dropout(share=1, ratio=0.2)(scene, rng)
    assert sorted({*range(20)} - {*thin.instance.tolist()}) == [0, 3, 10, 18, 19]


def test_of_pairs_of_points_each_stays_together_as_often_as_of_all_choices():
    """Two of four points: each of the six choices equally likely."""
    scene = Scene(
        "a", np.zeros((4, 3), np.float32), np.zeros(4, np.int16), np.arange(4, dtype="i4")
    )
    rng, seen = np.random.default_rng(0), Counter()
    for _ in range(6000):
        seen[tuple(Dropout(share=1, ratio=0.5)(scene, rng).instance.tolist())] += 1
    # Binomial: mean 1000, standard deviation 29.
    assert len(seen) == 6
    assert all(abs(times - 1000) < 145 for times in seen.values())


def test_a_scene_without_points_stays_without():
    none = Scene("a", np.zeros((0, 3), np.float32), np.zeros(0, np.int16), np.zeros(0, np.int32))
    assert len(Dropout(share=1)(none, np.random.default_rng(0))) == 0
