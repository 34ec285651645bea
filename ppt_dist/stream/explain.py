"""What a plan comes to over a whole run: shares, rounding, load of ranks, randomness, bytes."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from ppt_dist.stream.asked import Asked, FullEra
from ppt_dist.stream.budget import Sizes, most_voxels
from ppt_dist.stream.plan import Plan
from ppt_dist.stream.quality import Evenness, alike, loads, shuffle_quality
from ppt_dist.stream.weights import Measure, shares, whole_lots

SAMPLE = 64
"""Steps that are looked at, evenly over the run."""


class Scope(NamedTuple):
    """What is asked of a plan."""

    plan: Plan
    steps: int
    """Of the run."""
    ranks: tuple[int, ...]
    """Numbers of ranks."""

    @property
    def sample(self) -> list[int]:
        """Steps that stand for all."""
        taken = min(self.steps, SAMPLE)
        return [i * self.steps // taken for i in range(taken)]

    def lots(self) -> dict[str, int]:
        """Lots of each domain that the run takes, skipped ones left out."""
        end = self.plan.timeline.first_lot(self.steps)
        found = {name: self.plan.timeline.count(name, end) for name in self.plan.decks}
        for domain, _ in self._skipped(end):
            found[domain] -= 1
        return found

    def draws(self) -> dict[str, int]:
        """Scenes in those."""
        end = self.plan.timeline.first_lot(self.steps)
        last = self.plan.timeline.stretch(end)
        found = {name: last.scenes_before(name, end) for name in self.plan.decks}
        for domain, scenes in self._skipped(end):
            found[domain] -= scenes
        return found

    def _skipped(self, end: int) -> list[tuple[str, int]]:
        """Domain and scenes of each lot before ``end`` that no step takes."""
        timeline = self.plan.timeline
        lots = [t for t in timeline.course.skipped if t < end]
        domains = [timeline.at(t).domain for t in lots]
        return [(d, timeline.stretch(t).scenes[d]) for t, d in zip(lots, domains, strict=True)]


class Bulk(NamedTuple):
    """How large the records of a domain are."""

    points: Int64[np.ndarray, " scenes"]
    size: int
    """Bytes of all of them."""


def rounding(
    eras: Sequence[FullEra], asked: Mapping[str, Asked], unit: Measure
) -> list[dict[str, Any]]:
    """For each era of the run file: the shares asked for, those that lots give, the difference."""
    rows = []
    for era in eras:
        cuts = era.cuts(asked)
        total = sum(era.weights.values())
        wanted = {name: weight / total for name, weight in era.weights.items() if weight}
        period = whole_lots(era.weights, unit, cuts)
        got = shares(period, unit, cuts)
        error = {name: got[name] - wanted[name] for name in wanted}
        rows.append(
            {"step": era.step, "period": period, "asked": wanted, "share": got, "error": error}
        )
    return rows


def stretches(plan: Plan) -> list[dict[str, Any]]:
    """Every stretch with one mixture, those among them that a limit of epochs begins."""
    return [
        {
            "step": stretch.step,
            "lot": stretch.lot,
            "period": dict(zip(stretch.mixture.names, stretch.mixture.weights, strict=True)),
            "scenes": dict(stretch.scenes),
        }
        for stretch in plan.timeline.stretches
    ]


def efficiency(scope: Scope, advance: Callable[[int, int], object]) -> dict[str, dict[str, float]]:
    """By number of ranks: mean cost of a rank / cost of the most loaded; of all, and by domain."""
    plan, found = scope.plan, {}
    steps = [
        [plan.timeline.lot_index(s, k) for k in range(plan.shape.a_step)] for s in scope.sample
    ]
    lots = [*chain(*steps)]
    for i, ranks in enumerate(scope.ranks):
        own = loads(
            plan,
            lots,
            ranks,
            lambda n, i=i: advance(i * len(lots) + n, len(scope.ranks) * len(lots)),
        )
        means, mosts = zip(*own.values(), strict=True)
        table = {"all": Evenness(sum(means), sum(mosts)), **own}
        found[str(ranks)] = {name: load.efficiency for name, load in table.items()}
    return found


def shuffle(plan: Plan) -> dict[str, dict[str, float | None]]:
    """How random each domain's order is, and how alike the scenes of a lot; also for window 1.

    Lots are those of the size that the domain begins with.
    """
    first = {name: deck._replace(segments=deck.segments[:1]) for name, deck in plan.decks.items()}
    return {
        name: {
            **shuffle_quality(deck)._asdict(),
            "alike": alike(deck, plan.costs[name], 8),
            "alike_unwindowed": alike(deck._replace(window=1), plan.costs[name], 64),
        }
        for name, deck in first.items()
    }


def voxels(scope: Scope, sizes: Mapping[str, Sizes]) -> dict[str, dict[str, int]]:
    """By number of ranks: the most voxels that a rank may get in a micro-lot of each domain."""
    shape = scope.plan.shape
    return {
        str(ranks): {name: most_voxels(one, shape, ranks) for name, one in sizes.items()}
        for ranks in scope.ranks
    }


def demand(
    scope: Scope, bulk: Mapping[str, Bulk], ahead: int, pace: float | None
) -> dict[str, float | None]:
    """Bytes of records, of all ranks together.

    Args:
        scope: the plan and the run's steps.
        bulk: the train split of each domain.
        ahead: lots that are loaded before they are needed.
        pace: steps a second, where one is stated.

    Returns:
        ``a_step`` on average; ``a_second``; ``in_flight``, the most that are loaded ahead at one
        time, of the steps looked at: a cache that holds less reads again what it has not used;
        ``all`` records: a cache that holds them reads nothing after the first epoch.
    """
    draws = scope.draws()
    whole = sum(n * bulk[name].size / len(bulk[name].points) for name, n in draws.items())
    a_step = whole / scope.steps
    return {
        "a_step": a_step,
        "a_second": None if pace is None else a_step * pace,
        "in_flight": max(_in_flight(scope.plan, bulk, step, ahead) for step in scope.sample),
        "all": sum(bulk[name].size for name in scope.plan.decks),
    }


def _in_flight(plan: Plan, bulk: Mapping[str, Bulk], step: int, ahead: int) -> float:
    """Bytes of the different records in a step's first lot and those ahead; by their points."""
    first = plan.timeline.lot_index(step)
    lots = [plan.lot(first + i) for i in range(ahead)]
    records = {(lot.domain, slot.scene) for lot in lots for slot in chain(*lot.micro)}
    total = 0.0
    for name in sorted({domain for domain, _ in records}):
        points, size = bulk[name]
        own = sum(int(points[scene]) for domain, scene in records if domain == name)
        total += size * own / int(points.sum())
    return total
