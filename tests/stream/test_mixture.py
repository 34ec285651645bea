"""The mixture: exact shares, in integers."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from ppt_dist.stream.mixture import Mixture, deviation, largest_deficit, tijdeman

PUBLISHED = {"structured3d": 4, "scannet": 2, "s3dis": 1}
WEIGHTS = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def named(weights):
    return Mixture({f"d{i}": w for i, w in enumerate(weights)})


def test_the_published_mixture_takes_turns_as_on_the_first_day():
    turns = [Mixture(PUBLISHED).at(t) for t in range(14)]
    a, b, c = "structured3d", "scannet", "s3dis"
    assert [turn.domain for turn in turns] == [a, b, a, c, a, b, a] * 2
    assert [turn.occurrence for turn in turns] == [0, 0, 1, 0, 2, 1, 3, 4, 2, 5, 1, 6, 3, 7]


@settings(max_examples=40)
@given(WEIGHTS)
def test_no_prefix_strays_by_a_whole_lot_and_a_period_is_exact(weights):
    mixture, total = named(weights), sum(weights)
    counts = dict.fromkeys(mixture.names, 0)
    for t in range(2 * total):
        turn = mixture.at(t)
        assert turn.occurrence == counts[turn.domain]
        counts[turn.domain] += 1
        for name, weight in zip(mixture.names, mixture.weights, strict=True):
            assert abs(counts[name] - Fraction(weight * (t + 1), total)) < 1
            assert mixture.count(name, t + 1) == counts[name]
        assert mixture.lot_of(turn.domain, turn.occurrence) == t
    assert counts == {n: 2 * w for n, w in zip(mixture.names, mixture.weights, strict=True)}


@given(WEIGHTS)
def test_of_the_two_tables_the_better_is_taken(weights):
    tables = (largest_deficit(weights), tijdeman(weights))
    for table in tables:
        assert [table.count(i) for i in range(len(weights))] == weights
    assert deviation(named(weights).table, weights) == min(deviation(t, weights) for t in tables)


def test_where_largest_deficit_strays_by_a_whole_lot_tijdemans_table_is_taken():
    weights = [50, 30, *[1] * 30]
    assert deviation(largest_deficit(weights), weights) >= 1
    assert deviation(named(weights).table, weights) < 1


@settings(max_examples=40)
@given(WEIGHTS, st.integers(0, 10**12))
def test_any_stretch_of_whole_periods_holds_each_domain_as_often_as_its_weight(weights, start):
    """So shares are right wherever a run begins or ends, as sampling them by chance would not."""
    mixture, total = named(weights), sum(weights)
    for name, weight in zip(mixture.names, mixture.weights, strict=True):
        assert mixture.count(name, start + 3 * total) - mixture.count(name, start) == 3 * weight
