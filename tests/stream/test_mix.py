"""Mix3D in the plan: which scenes are mixed follows from the seed and the lot alone."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.run import check_lots, load_run
from ppt_dist.section import BadInput
from ppt_dist.stream.era import steady
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.plan import LotShape, Plan, deal
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import Source, open_stream
from ppt_dist.stream.voxelise import Voxelise
from tests.small_run import write_run_file
from tests.stream.test_plan import COSTS, WEIGHTS, parts


def planned(shape, seed=0):
    return Plan(COSTS, steady(WEIGHTS), shape, seed)


def test_the_first_pairs_are_those_of_the_first_day():
    lots = [planned(LotShape(5, 2, 1, mix=0.5)).lot(t) for t in range(5)]
    assert [lot.units for lot in lots] == [
        ((((0, 0), (0, 1)), ((0, 6),)), (((0, 5),), ((0, 3),))),
        ((((0, 0), (0, 1)), ((0, 4),)), (((0, 3),), ((0, 2),))),
        ((((0, 4),), ((0, 2),)), (((1, 0), (1, 1)), ((1, 4),))),
        ((((0, 2), (1, 0)),), (((0, 0),), ((0, 1),), ((1, 1),))),
        ((((1, 6), (2, 3)),), (((1, 5), (1, 3)), ((1, 2),))),
    ]


@given(parts(), st.floats(0, 1), st.integers(0, 500), st.integers(1, 6))
def test_mixing_moves_no_scene_and_any_number_of_ranks_shares_the_same_pairs(parts, mix, t, ranks):
    costs, weights, shape, seed = parts
    plain = Plan(costs, steady(weights), shape, seed).lot(t)
    lot = Plan(costs, steady(weights), shape._replace(mix=mix), seed).lot(t)
    assert [sorted(micro) for micro in lot.micro] == [sorted(micro) for micro in plain.micro]
    for units, shared in zip(lot.units, deal(lot, costs[lot.domain], ranks), strict=True):
        assert sorted(chain(*shared)) == sorted(units)
        if len(units) >= ranks:
            assert all(shared), "a rank without a scene though there are enough"


@given(parts(), st.integers(0, 500))
def test_a_lot_without_mixing_is_the_lot_it_always_was(parts, t):
    costs, weights, shape, seed = parts
    lot = Plan(costs, steady(weights), shape, seed).lot(t)
    assert all(len(unit) == 1 for units in lot.units for unit in units)


@given(parts(), st.integers(0, 500))
def test_all_scenes_of_a_mixed_micro_lot_are_in_pairs_but_an_odd_last_one(parts, t):
    costs, weights, shape, seed = parts
    for units in Plan(costs, steady(weights), shape._replace(mix=1.0), seed).lot(t).units:
        scenes = sum(map(len, units))
        assert sorted(map(len, units)) == [1] * (scenes % 2) + [2] * (scenes // 2)


def test_pairs_are_neighbours_as_drawn_and_not_of_like_cost():
    costs = np.arange(1, 1001)
    plan = Plan({"a": costs}, steady({"a": 1}), LotShape(24, 1, 1, mix=1.0), 3)
    drawn = [plan.slot("a", p) for p in range(24)]
    (units,) = plan.lot(0).units
    assert list(units) == [tuple(drawn[i : i + 2]) for i in range(0, 24, 2)]


def test_so_many_micro_lots_are_mixed_as_the_run_file_says():
    plan = planned(LotShape(6, 3, 1, mix=0.8), seed=7)
    mixed = [len(units) == 1 for t in range(500) for units in plan.lot(t).units]
    # Binomial: mean 1200, standard deviation 15.5.
    assert 1200 - 62 < sum(mixed) < 1200 + 62


def test_ranks_are_held_against_pairs_where_scenes_are_mixed(tmp_path, packed):
    run = load_run(write_run_file(tmp_path, packed, "mine", 6, ranks=1))
    lots = run.lots.model_copy(update={"scenes": 11, "micro": 2, "mix": 0.1})
    run = run.model_copy(update={"lots": lots})
    for ranks in (3, 4):
        engine = run.engine.model_copy(update={"ranks": ranks})
        with_ranks = run.model_copy(update={"engine": engine})
        if ranks == 3:
            check_lots(with_ranks)
            continue
        with pytest.raises(BadInput, match=r"has 5 scenes, 3 once they are mixed.*at most 3 ranks"):
            check_lots(with_ranks)


SHAPE = LotShape(scenes=4, micro=1, a_step=2, mix=0.7)


def batches(packed, start=0, rank=Rank(0, 1), processes=0):  # noqa: B008
    """Name and bytes of every scene or pair that a rank gets in steps ``start`` to 4, by lot."""
    voxelise = Voxelise(0.2, ("color", "normal"), "unit", crop=200)
    sources = {name: Source(packed / name, 1, voxelise) for name in ("scannet", "s3dis")}
    stream = open_stream(sources, SHAPE, 0, rank, Fetching(processes, 2, print))
    try:
        return [
            sorted(zip(batch.names, _scenes(batch), strict=True))
            for step in stream.steps(start, 4)
            for lot in step
            for batch in lot.micro
        ]
    finally:
        stream.close()


def _scenes(batch):
    bounds = [0, *batch.offset.tolist()]
    rows = [batch.grid.numpy(), batch.feat.numpy(), batch.label.numpy()]
    return [b"".join(part[a:b].tobytes() for part in rows) for a, b in pairwise(bounds)]


@pytest.fixture(scope="module")
def calm(packed):
    return batches(packed)


def test_ranks_share_the_scenes_and_pairs_of_each_lot_with_the_same_bytes(packed, calm):
    assert {sum("+" in name for name, _ in lot) for lot in calm} == {0, 2}
    halves = [batches(packed, rank=Rank(i, 2)) for i in range(2)]
    for whole, one, other in zip(calm, *halves, strict=True):
        assert one
        assert other
        assert sorted(one + other) == whole


def test_a_later_start_mixes_the_same_pairs(packed, calm):
    assert batches(packed, start=2) == calm[4:]


@pytest.mark.slow
def test_no_byte_of_a_pair_depends_on_the_fetchers(packed, calm):
    assert batches(packed, processes=2) == calm
