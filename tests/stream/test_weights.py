"""Weights in lots, scenes or points become whole lots, and what rounding costs is known."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.section import BadInput
from ppt_dist.stream.weights import PERIOD, Cut, shares, whole_lots

ALIKE = {name: Cut(4) for name in "abcdef"}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 150), min_size=1))
def test_whole_lots_of_a_short_period_stay_as_they_are(weights):
    assert whole_lots(weights, "lots", ALIKE) == weights


@pytest.mark.parametrize(
    ("weights", "lots"),
    [
        ({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 5, "b": 3, "c": 2}),
        ({"a": 4.0, "b": 2, "c": 1.0}, {"a": 4, "b": 2, "c": 1}),
        ({"a": 4000, "b": 2000, "c": 1000}, {"a": 4, "b": 2, "c": 1}),
        ({"a": 0.1, "b": 0.0}, {"a": 1}),
        ({"a": 1e-9, "b": 3e-9}, {"a": 1, "b": 3}),
    ],
)
def test_other_weights_become_the_smallest_whole_lots_in_that_proportion(weights, lots):
    assert whole_lots(weights, "lots", ALIKE) == lots


def test_weights_in_scenes_and_points_give_those_shares_of_scenes_and_points():
    cuts = {"a": Cut(24, Fraction(150_000)), "b": Cut(8, Fraction(30_000))}
    lots = whole_lots({"a": 3, "b": 1}, "scenes", cuts)
    assert lots == {"a": 1, "b": 1}
    assert shares(lots, "scenes", cuts) == {"a": 0.75, "b": 0.25}
    lots = whole_lots({"a": 3, "b": 1}, "points", cuts)
    assert lots == {"a": 1, "b": 5}
    assert shares(lots, "points", cuts) == {"a": 0.75, "b": 0.25}
    assert shares(lots, "lots", cuts) == {"a": 1 / 6, "b": 5 / 6}


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1.0), min_size=1))
def test_rounding_takes_no_share_further_than_a_lot_of_the_longest_period(weights):
    lots = whole_lots(weights, "lots", ALIKE)
    assert sum(lots.values()) <= PERIOD
    got, total = shares(lots, "lots", ALIKE), sum(weights.values())
    assert all(abs(got[name] - weight / total) <= 1 / PERIOD for name, weight in weights.items())


def test_a_weight_that_would_round_to_nothing_is_refused_with_what_to_do():
    with pytest.raises(BadInput, match=r"domain b would be 0.0001 of the lots.*raise its weight"):
        whole_lots({"a": 0.9999, "b": 0.0001}, "lots", ALIKE)


def test_weights_without_one_above_0_are_refused():
    with pytest.raises(BadInput, match="none is above 0"):
        whole_lots({"a": 0, "b": 0.0}, "lots", ALIKE)
