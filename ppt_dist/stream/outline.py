"""What a plan comes to: the share of each domain in a run, and who takes which scene of a step."""

from collections.abc import Mapping, Sequence
from typing import Any

from ppt_dist.stream.plan import Lot, Plan, Unit, deal

Names = Mapping[str, Sequence[str]]
"""Ids of the scenes of each domain, in the order of its records."""


def outline(plan: Plan, steps: int) -> dict[str, dict[str, Any]]:
    """By domain: weight, lots in a run of ``steps`` updates, their share, and passes over it."""
    lots = steps * plan.shape.a_step
    table = {}
    for name, weight in zip(plan.mixture.names, plan.mixture.weights, strict=True):
        own, scenes = plan.mixture.count(name, lots), len(plan.costs[name])
        table[name] = {
            "weight": weight,
            "share": weight / sum(plan.mixture.weights),
            "lots": own,
            "scenes": scenes,
            "draws": own * plan.shape.scenes,
            "epochs": own * plan.shape.scenes / scenes,
            "cost": int(plan.costs[name].sum()),
        }
    return table


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
