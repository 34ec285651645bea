"""The keyed permutation: a bijection that has never changed and never will under order 1."""

import hashlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.stream.permutation import Permutation, key, mix
from ppt_dist.stream.quality import chi_square, neighbours

PRIMES = [307, 509, 1009, 2003, 4093, 8191]
SIZES = [*range(1, 301), *(2**k + d for k in range(9, 14) for d in (-1, 0, 1)), *PRIMES]
KEYS = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_position_has_one_value_and_every_value_one_position(seed):
    for n in SIZES:
        permutation = Permutation(n, key(seed, n))
        values = permutation.many(np.arange(n))
        assert np.array_equal(np.sort(values), np.arange(n))
        some = range(0, n, max(n // 20, 1))
        assert [permutation.inverse(int(values[i])) for i in some] == list(some)


@settings(max_examples=50)
@given(st.integers(1, 10**15), KEYS, st.lists(st.integers(0, 10**15), min_size=1, max_size=40))
def test_many_positions_at_once_are_the_same_positions_one_by_one(n, k, positions):
    permutation = Permutation(n, k)
    some = [position % n for position in positions]
    values = [permutation(i) for i in some]
    assert permutation.many(np.array(some)).tolist() == values
    assert [permutation.inverse(value) for value in values] == some


def test_keys_and_mixing_are_those_of_the_first_day():
    assert [mix(0), mix(1), mix(1 << 63)] == [
        16294208416658607535,
        10451216379200822465,
        5196802822362493915,
    ]
    assert key(0, "scannet", 0) == 1129602069578263272
    assert key(7, "s3dis", 3) == 17127419059829005209
    assert key(0) == 5263075011782779848


@pytest.mark.parametrize(
    ("n", "k", "values"),
    [
        (1, 5, [0]),
        (2, 5, [1, 0]),
        (10, 0, [8, 7, 0, 6, 2, 5, 1, 9, 3, 4]),
        (10, 1, [3, 0, 4, 5, 1, 6, 2, 8, 7, 9]),
        (
            17,
            key(0, "scannet", 0),
            [14, 10, 3, 7, 9, 2, 12, 6, 4, 15, 11, 0, 8, 5, 1, 16, 13],
        ),
    ],
)
def test_small_permutations_are_those_of_the_first_day(n, k, values):
    assert [Permutation(n, k)(i) for i in range(n)] == values


def test_orders_of_the_published_data_sets_are_those_of_the_first_day():
    digest = hashlib.sha256()
    domains = (("scannet", 1201), ("s3dis", 204), ("structured3d", 18348))
    for seed, (domain, n), epoch in product((0, 1), domains, (0, 1, 5)):
        order = Permutation(n, key(seed, domain, epoch))
        for i in range(0, n, n // 50):
            digest.update(order(i).to_bytes(8, "little"))
    assert digest.hexdigest() == "68efda48a57d4ddd6082adfd5998a56e0a4a52c42638bb43a33d39d0e2fe5f4c"


def orders(n, trials):
    """Ours, and numpy's as the measure of what chance gives."""
    generator = np.random.default_rng(0)
    taken = np.arange(n)
    return [
        [Permutation(n, key("test", n, trial)).many(taken) for trial in range(trials)],
        [generator.permutation(n) for _ in range(trials)],
    ]


@pytest.mark.parametrize("n", [204, 1201, 4096, 16384])
def test_an_order_is_as_random_as_numpys_by_chi_square_and_by_neighbours(n):
    trials = 40
    ours, numpys = orders(n, trials)
    taken = np.arange(n)
    chi = [np.mean([chi_square(taken, values, n) for values in those]) for those in (ours, numpys)]
    near = [np.mean([neighbours(values, n) for values in those]) for those in (ours, numpys)]
    # Chi-square by degree of freedom: standard deviation sqrt(2 / dof / trials), at most 0.08.
    assert np.abs(np.array(chi) - 1).max() < 5 * np.sqrt(2 / _freedom(n) / trials)
    # 1 % of the domain on either side: n / 50 pairs a permutation are near, as Poisson's law.
    assert np.abs(np.array(near) - 1).max() < 5 / np.sqrt(trials * n / 50)


def _freedom(n):
    return (min(16, int((n // 5) ** 0.5)) - 1) ** 2


@pytest.mark.parametrize("n", [1201, 16384])
def test_scenes_that_follow_each_other_in_the_records_do_so_in_an_order_only_by_chance(n):
    trials = 40
    following = [
        sum(np.count_nonzero(np.diff(v) == 1) for v in those) for those in orders(n, trials)
    ]
    # Poisson with mean (n - 1) / n a permutation: 40 expected, standard deviation 6.3.
    assert all(15 <= count <= 65 for count in following)


@pytest.mark.parametrize("n", [1201, 4096, 16384])
@pytest.mark.parametrize("bit", [0, 1, 2])
def test_low_bits_of_a_value_say_nothing_of_those_of_its_position(n, bit):
    trials = 40
    taken = np.arange(n)
    for those in orders(n, trials):
        same = np.array([((v ^ taken) >> bit & 1 == 0).mean() for v in those])
        # Half of them; a permutation's standard deviation is 0.5 / sqrt(n), the mean's less.
        assert abs(same.mean() - 0.5) < 5 * 0.5 / np.sqrt(n * trials)
        assert np.abs(same - 0.5).max() < 5 * 0.5 / np.sqrt(n)
