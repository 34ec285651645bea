"""The laws of the banks at every stage on 1, 2 and 3 ranks, against a one-process oracle."""

from functools import cache
from itertools import product

import pytest
import torch

from ppt_dist.run import Stage
from tests.ranks import run_ranks
from tests.train import pair_oracle
from tests.train.law_case import CLIP, STEPS, Case, Trace, continue_cases, half_cases
from tests.train.oracle import Answer, solve
from tests.train.pair_case import ADAPTERS, HEADS, Pair, pairs, run_cases_and_pairs
from tests.train.pair_oracle import solve_pair

pytestmark = [pytest.mark.ranks, pytest.mark.slow]

STAGES: tuple[Stage, ...] = ("plain", 0, 1, 2, 3)
VARIANTS = (
    Case("plain"),
    Case("plain", lots=2, scenes=2, cycles=True),  # on 3 ranks one has no point
    Case("plain", "sgd", lots=2, scenes=2),
    Case("plain", "sgd", scenes=4, micro=2, cycles=True),
)
CASES = [variant._replace(stage=stage) for stage, variant in product(STAGES, VARIANTS)]
CONTROLS = [Case(stage, skips_idle=False) for stage in (0, 1, 2, 3)]
WORLDS = (1, 2, 3)
EVERY = [(of, case) for of in WORLDS for case in CASES]


@cache
def launch(of: int) -> tuple[dict[Case, Trace], dict[Pair, Trace]]:
    """All cases and pairs on ``of`` ranks, as rank 0 saw them: one launch."""
    cases = CASES + (CONTROLS if of == 2 else [])
    runs, pair_runs = run_ranks(run_cases_and_pairs, of, [tuple(c) for c in cases])[0]
    return (
        {case: Trace(*trace) for case, trace in zip(cases, runs, strict=True)},
        {pair: Trace(*trace) for pair, trace in zip(pairs(of), pair_runs, strict=True)},
    )


def traces(of: int) -> dict[Case, Trace]:
    return launch(of)[0]


@cache
def pair_oracle_of(pair: Pair, dtype: torch.dtype = torch.float32) -> pair_oracle.Answer:
    return solve_pair(pair, dtype)


@cache
def oracle(case: Case, dtype: torch.dtype = torch.float32) -> Answer:
    return solve(case._replace(stage="plain"), dtype)


def scaled(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Largest difference, as a share of the largest entry where that is above 1."""
    return largest(a, b) / max(1.0, *(float(t.abs().max()) for t in b.values()))


def largest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Largest difference between tensors of the same name."""
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in b)


@pytest.mark.parametrize("of", WORLDS)
def test_a_domain_that_is_not_in_a_step_keeps_every_bit(of):
    for case in CASES:
        trace = traces(of)[case]
        assert trace.idle_checked > 100
        assert trace.idle_violations == 0, case


def test_stepping_idle_groups_like_the_rest_is_seen_by_these_tests():
    for case in CONTROLS:
        trace = traces(2)[case]
        right = oracle(case._replace(skips_idle=True))
        assert trace.idle_violations > 100, case
        assert max(abs(a - b) for a, b in zip(trace.losses, right.losses, strict=True)) > 1e-3


@pytest.mark.parametrize("of", WORLDS)
def test_losses_equal_the_oracle_of_separate_parameters(of):
    for case in CASES:
        assert traces(of)[case].losses == pytest.approx(oracle(case).losses, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("of", WORLDS)
def test_moments_and_step_counts_equal_the_oracle(of):
    for case in CASES:
        trace, right = traces(of)[case], oracle(case)
        assert scaled(trace.tensors, oracle(case, torch.float64).moments) < 1e-6, case
        if case.optimizer == "adamw":
            owned = {name: right.counts[name.split("*")[0]] for name in trace.counts}
            assert trace.counts == owned, case


@pytest.mark.parametrize("of", WORLDS)
def test_weights_equal_the_oracle_as_far_as_float32_allows(of):
    for case in CASES:
        exact = oracle(case, torch.float64)
        noise = largest(oracle(case).weights, exact.weights)
        weights = {n.removeprefix("weight/"): t for n, t in traces(of)[case].tensors.items()}
        bound = 1e-6 if case.optimizer == "sgd" else max(1e-6, 20 * noise)
        assert largest(weights, exact.weights) < bound, (case, noise)


@pytest.mark.parametrize("of", WORLDS)
def test_running_statistics_equal_torchs_batch_norm_by_domain(of):
    for case in CASES:
        stored = {n.removeprefix("buffer/"): t for n, t in traces(of)[case].tensors.items()}
        right = oracle(case, torch.float64).running
        bound = 1e-5 if case.optimizer == "sgd" else 1e-4
        assert (
            max(float(((stored[n] - right[n]) / (1 + right[n].abs())).abs().max()) for n in right)
            < bound
        ), case


def test_any_number_of_ranks_gives_the_same_losses_and_gradients():
    for case in CASES:
        one, two, three = (traces(of)[case] for of in WORLDS)
        for other in (two, three):
            assert other.losses == pytest.approx(one.losses, abs=1e-6, rel=1e-6), case
            assert other.norms == pytest.approx(one.norms, rel=1e-5), case


def test_clipping_bites_over_shared_and_domain_gradients_together():
    for case in CASES:
        norms = traces(2)[case].norms
        assert norms == pytest.approx(oracle(case).norms, rel=1e-5), case
        assert min(norms) > CLIP, "the clip never bites: the case has no teeth"


def test_a_state_of_any_stage_and_ranks_continues_at_any_other():
    writers = (
        (1, Case(0)),
        (2, Case(1)),
        (2, Case(3)),
        (3, Case(2)),
        (3, Case(3, "sgd")),
        (1, Case(1, "sgd")),
    )
    stop = 4  # gamma has never been trained then
    states = []
    for of in WORLDS:
        mine = [case for n, case in writers if n == of]
        halves = run_ranks(half_cases, of, [tuple(c) for c in mine], stop)[0]
        states += [(case, Trace(*half)) for case, half in zip(mine, halves, strict=True)]
    for of in WORLDS:
        jobs = [
            (tuple(case._replace(stage=stage)), stop, half.tensors, half.counts)
            for n, (case, half) in enumerate(states)
            for k, stage in enumerate(STAGES)
            if (n + k + of) % 2 == 0  # half of the pairs; every stage and world meets three writers
        ]
        for (case, *_), trace in zip(jobs, run_ranks(continue_cases, of, jobs)[0], strict=True):
            whole = oracle(Case(*case))
            rest = whole.losses[stop:]
            assert Trace(*trace).losses == pytest.approx(rest, abs=1e-6, rel=1e-6), (of, case)
            assert scaled(Trace(*trace).tensors, whole.moments) < 1e-6, (of, case)
            assert len(rest) == STEPS - stop


def test_each_adapter_and_each_head_meets_every_stage_and_every_number_of_ranks():
    met = [(pair, of) for of in WORLDS for pair in pairs(of)]
    assert len(met) == len(ADAPTERS) * len(HEADS)
    for name in (*ADAPTERS, *HEADS):
        own = [(pair, of) for pair, of in met if name in {pair.adapter, pair.head}]
        assert {pair.stage for pair, _ in own} == set(STAGES), name
        assert {of for _, of in own} == set(WORLDS), name


@pytest.mark.parametrize("of", WORLDS)
def test_with_every_adapter_and_head_an_idle_domain_keeps_every_bit(of):
    for pair, trace in launch(of)[1].items():
        assert trace.idle_checked >= 5
        assert trace.idle_violations == 0, pair


@pytest.mark.parametrize("of", WORLDS)
def test_with_every_adapter_and_head_losses_norms_and_counts_equal_the_oracle(of):
    for pair, trace in launch(of)[1].items():
        right = pair_oracle_of(pair)
        assert trace.losses == pytest.approx(right.losses, abs=1e-6, rel=1e-6), pair
        assert trace.norms == pytest.approx(right.norms, rel=1e-5), pair
        if pair.optimizer == "adamw":
            owned = {name: right.counts[name.split("*")[0]] for name in trace.counts}
            assert trace.counts == owned, pair


@pytest.mark.parametrize("of", WORLDS)
def test_with_every_adapter_and_head_moments_and_weights_equal_the_oracle(of):
    for pair, trace in launch(of)[1].items():
        exact = pair_oracle_of(pair, torch.float64)
        assert scaled(trace.tensors, exact.moments) < 1e-6, pair
        noise = largest(pair_oracle_of(pair).weights, exact.weights)
        weights = {n.removeprefix("weight/"): t for n, t in trace.tensors.items()}
        bound = 1e-6 if pair.optimizer == "sgd" else max(1e-6, 20 * noise)
        assert largest(weights, exact.weights) < bound, (pair, noise)
