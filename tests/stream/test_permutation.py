"""The keyed permutation: a bijection that has never changed and never will under order 1."""

import hashlib
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.stream.permutation import Permutation, key, mix

SIZES = st.one_of(
    st.integers(1, 300), st.sampled_from([2**k + d for k in (9, 10) for d in (-1, 0, 1)])
)
KEYS = st.integers(0, 2**64 - 1)


@given(SIZES, KEYS)
def test_every_position_has_one_value_and_every_value_one_position(n, k):
    permutation = Permutation(n, k)
    values = [permutation(i) for i in range(n)]
    assert sorted(values) == list(range(n))
    assert [permutation.inverse(v) for v in values] == list(range(n))


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


def test_neighbours_stay_neighbours_as_often_as_in_a_random_order():
    n, trials = 1000, 40
    adjacent = 0
    for k in range(trials):
        order = Permutation(n, key(k))
        values = [order(i) for i in range(n)]
        adjacent += sum(b == a + 1 for a, b in pairwise(values))
    # Poisson with mean (n - 1) / n a permutation: 40 expected, standard deviation 6.3.
    assert 15 <= adjacent <= 65
