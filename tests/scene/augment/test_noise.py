"""Gaussian noise against the moments of its law."""

import math

import numpy as np
import pytest

from ppt_dist.scene.augment.noise import noise


def philox(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def test_noise_has_the_moments_and_tails_of_a_normal_law():
    drawn = noise(200_000, 2.0, philox()) / 2
    assert drawn.shape == (200_000, 3)
    assert drawn.dtype == np.float32
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        spread = math.sqrt(math.prod(range(1, 2 * power, 2)) / drawn.size)
        assert np.mean(drawn.astype(float) ** power) == pytest.approx(moment, abs=6 * spread)
    for limit in (0.5, 1, 2, 3):
        part = math.erfc(limit / math.sqrt(2))
        spread = math.sqrt(part / drawn.size)
        assert np.mean(np.abs(drawn) > limit) == pytest.approx(part, abs=6 * spread)


def test_columns_and_rows_are_not_correlated():
    drawn = noise(100_000, 1.0, philox())
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.02
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.02


def test_what_is_beyond_the_clip_is_moved_to_it():
    free, clipped = noise(1000, 1.0, philox()), noise(1000, 1.0, philox(), clip=0.5)
    assert np.array_equal(clipped, free.clip(-0.5, 0.5))


def test_draws_are_those_of_the_generator_and_move_it_on():
    rng, other = philox(), philox()
    ours = np.concatenate([noise(5, 1.0, rng), noise(2, 1.0, rng)])
    assert ours == pytest.approx(other.standard_normal((7, 3)), rel=1e-6)
