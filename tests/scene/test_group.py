"""Groups of equal keys against a stable sort and a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.scene.group import group

KEYS = st.lists(
    st.one_of(st.integers(0, 5), st.integers(0, 2**12), st.integers(0, 2**63 - 1)), max_size=60
)


@given(KEYS)
def test_rows_are_ordered_by_key_and_rows_of_one_key_stay_in_order(keys):
    key = np.array(keys, np.int64)
    groups = group(key)
    assert groups.order.tolist() == np.argsort(key, kind="stable").tolist()
    assert groups.key.tolist() == sorted(set(keys))
    assert key[groups.order[groups.start]].tolist() == groups.key.tolist()


@given(KEYS, st.integers(0, 9))
def test_the_first_or_a_random_row_of_each_group_leads_back_to_it(keys, seed):
    key = np.array(keys, np.int64)
    groups = group(key)
    assert groups.first_of_each().tolist() == [keys.index(k) for k in groups.key.tolist()]
    drawn = groups.one_of_each(np.random.default_rng(seed))
    assert key[drawn].tolist() == groups.key.tolist()
    assert groups.key[groups.inverse()].tolist() == keys


def test_keys_of_every_width_are_sorted_by_all_their_bits():
    rng = np.random.default_rng(0)
    for bits in range(1, 64):
        key = rng.integers(0, 2**bits - 1, 200, dtype=np.int64, endpoint=True)
        assert np.array_equal(group(key).order, np.argsort(key, kind="stable")), bits


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_each_row_of_a_group_is_drawn_equally_often_whatever_the_sizes_of_others(rows):
    key = np.array([0] * rows + [1] * 50, np.int64)
    groups, rng = group(key), np.random.default_rng(0)
    drawn = [groups.one_of_each(rng)[0] for _ in range(7000)]
    spread = np.sqrt(7000 / rows)
    assert np.bincount(drawn, minlength=rows) == pytest.approx(7000 / rows, abs=5 * spread)
