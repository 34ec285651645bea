"""What a plan comes to: the share of each domain in a run, and who takes which scene of a step."""

from collections.abc import Mapping, Sequence
from typing import Any

from ppt_dist.stream.explain import Bulk, Scope
from ppt_dist.stream.plan import Lot, Plan, Unit, deal

Names = Mapping[str, Sequence[str]]
"""Ids of the scenes of each domain, in the order of its records."""


def outline(scope: Scope, bulk: Mapping[str, Bulk]) -> dict[str, dict[str, Any]]:
    """By domain: what the run takes of it in lots, scenes and points, and passes over it."""
    plan, draws, lots = scope.plan, scope.draws(), scope.lots()
    points = {
        name: n * int(bulk[name].points.sum()) / len(bulk[name].points) for name, n in draws.items()
    }
    return {
        name: {
            "share": lots[name] / sum(lots.values()),
            "share_of_scenes": draws[name] / sum(draws.values()),
            "share_of_points": points[name] / sum(points.values()),
            "lots": lots[name],
            "scenes": deck.scenes,
            "draws": draws[name],
            "epochs": draws[name] / deck.scenes,
        }
        for name, deck in plan.decks.items()
    }


def step_outline(plan: Plan, step: int, ranks: int, names: Names) -> list[dict[str, Any]]:
    """The lots of an update; for each micro-lot the scenes of every rank, and their cost.

    ``mixed`` are the pairs among the scenes that become one.
    """
    return [
        {
            "lot": lot.index,
            "domain": lot.domain,
            "micro": _micro(plan, lot, ranks, names[lot.domain]),
        }
        for lot in plan.step(step)
    ]


def _micro(plan: Plan, lot: Lot, ranks: int, names: Sequence[str]) -> list[list[dict[str, Any]]]:
    costs = plan.costs[lot.domain]
    return [
        [
            {
                "rank": rank,
                "cost": int(sum(costs[slot.scene] for unit in units for slot in unit)),
                "scenes": [{"id": names[s.scene], "epoch": s.epoch} for u in units for s in u],
                "mixed": [_ids(unit, names) for unit in units if len(unit) > 1],
            }
            for rank, units in enumerate(micro)
        ]
        for micro in deal(lot, costs, ranks)
    ]


def _ids(unit: Unit, names: Sequence[str]) -> list[str]:
    return [names[slot.scene] for slot in unit]
