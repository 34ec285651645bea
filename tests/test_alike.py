"""The check that two ways draw alike, which stands before a benchmark's clock."""

import numpy as np
import pytest

from benchmarks.alike import Cloud, refuse_others

BEFORE = Cloud(
    coord=np.random.default_rng(0).random((300, 3)) * 4,
    color=np.random.default_rng(1).random((300, 3)) * 255,
    normal=np.zeros((300, 0)),
    segment=np.zeros(300, np.int64),
)


def blurred(sigma, offset=0):
    def draw(seed):
        noise = np.random.default_rng(seed + offset).normal(0, sigma, (300, 3))
        return BEFORE._replace(coord=BEFORE.coord + noise)

    return draw


def thinned(kept):
    return lambda seed: BEFORE._replace(coord=BEFORE.coord[: kept - seed % 3])


def test_two_ways_of_one_law_pass():
    refuse_others("jitter", blurred(0.005), blurred(0.005, offset=1000), BEFORE, 40)
    refuse_others("same", lambda _: BEFORE, lambda _: BEFORE, BEFORE, 5)


@pytest.mark.parametrize("sigma", [0.004, 0.0056])
def test_noise_of_another_width_is_refused_though_it_is_small_beside_the_scene(sigma):
    with pytest.raises(ValueError, match="jitter: move 0, std is not distributed alike"):
        refuse_others("jitter", blurred(0.005), blurred(sigma, offset=1000), BEFORE, 40)


def test_another_number_of_points_is_refused():
    with pytest.raises(ValueError, match="dropout: points is not distributed alike"):
        refuse_others("dropout", thinned(240), thinned(230), BEFORE, 40)
