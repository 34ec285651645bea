"""Measures the order of the data: starting at any step, a lot's price, and the balance of ranks."""

import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.measure import Comparison, Report, Taken, interleaved, run, timed
from ppt_dist.stream.era import steady
from ppt_dist.stream.plan import LotShape, Plan, deal

WEIGHTS = {"structured3d": 4, "scannet": 2, "s3dis": 1}
STARTS = (10, 10**9)
RANKS, A_RANK = 64, 2
SIGMAS = (0.5, 0.8)
WINDOWS = (1, 8, 16)


class Size(NamedTuple):
    """How much is planned, how often."""

    scenes: int
    """Of each domain whose costs are a function."""
    known: int
    """Of the domain by which balance is measured."""
    lots: int
    rounds: int


class Formula:
    """Costs of any number of scenes, none of which is kept."""

    def __init__(self, scenes: int) -> None:
        self._scenes = scenes

    def __len__(self) -> int:
        return self._scenes

    def __getitem__(self, i: int) -> int:
        return 1000 + i % 997


def measure(size: Size) -> Report:
    """Plan from two steps on, and deal lots to many ranks."""
    shape = LotShape(12, 1, 7, window=8)
    peaks: dict[str, int] = {}

    def start(step: int) -> Callable[[], Taken]:
        def first_step() -> None:
            costs = {name: Formula(size.scenes) for name in WEIGHTS}
            for lot in Plan(costs, steady(WEIGHTS), shape, 0).step(step):
                deal(lot, costs[lot.domain], 4)

        def trial() -> Taken:
            taken = timed(first_step)
            tracemalloc.start()
            first_step()
            peaks[f"peak at step {step:,}, kB"] = tracemalloc.get_traced_memory()[1] // 1000
            tracemalloc.stop()
            return taken

        return trial

    trials = {f"step {step:,}": start(step) for step in STARTS}
    taken = interleaved(trials, size.rounds)
    title = f"start, 3 domains of {size.scenes:,} scenes, 7 lots a step"
    starts = Comparison(title, "ms", lambda seconds: 1000 * seconds, f"step {STARTS[0]}", taken)
    balance = {
        f"efficiency, window {window}, sigma {sigma}": round(_efficiency(size, window, sigma), 3)
        for window in WINDOWS
        for sigma in SIGMAS
    }
    return Report({**peaks, "ranks": RANKS, "scenes a rank": A_RANK, **balance}, [starts])


def _efficiency(size: Size, window: int, sigma: float) -> float:
    """Part of the ranks' time that is work, where time is cost, over some lots."""
    costs = np.random.default_rng(0).lognormal(9, sigma, size.known).astype(np.int64)
    plan = Plan({"a": costs}, steady({"a": 1}), LotShape(RANKS * A_RANK, 1, 1, window=window), 0)
    work = waited = 0
    for t in range(size.lots):
        (micro,) = deal(plan.lot(t), costs, RANKS)
        loads = [sum(int(costs[slot.scene]) for unit in own for slot in unit) for own in micro]
        work += sum(loads)
        waited += RANKS * max(loads)
    return work / waited


if __name__ == "__main__":
    run(measure, full=Size(10**9, 100_000, 768, 9), quick=Size(10**9, 10_000, 16, 1))
