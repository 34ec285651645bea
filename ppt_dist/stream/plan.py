"""`Plan`: the scenes of every lot, from counts, costs, mixture and seed alone; and their ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from ppt_dist.section import BadInput
from ppt_dist.stream.mixture import Mixture
from ppt_dist.stream.permutation import Permutation, key

Costs = Int64[np.ndarray, " scenes"]


class Slot(NamedTuple):
    """A scene in one pass over its domain."""

    epoch: int
    scene: int


Unit = tuple[Slot, ...]
"""What stays together: a scene, or two that are mixed into one."""


@dataclass(frozen=True)
class Lot:
    """Scenes of one domain, for all ranks together."""

    index: int
    domain: str
    units: tuple[tuple[Unit, ...], ...]
    """Those of each micro-lot; they do not depend on the number of ranks."""

    @property
    def micro(self) -> tuple[Unit, ...]:
        """The scenes of each micro-lot, mixed or not."""
        return tuple(tuple(chain(*units)) for units in self.units)


class LotShape(NamedTuple):
    """How lots are cut."""

    scenes: int
    micro: int
    """Micro-lots of a lot."""
    a_step: int
    """Lots of an optimiser step."""
    mix: float = 0.0
    """Part of the micro-lots whose scenes are mixed in pairs."""


class Plan:
    """The order of the data, without state: any lot is computed in the same time as the first."""

    def __init__(
        self, costs: Mapping[str, Costs], weights: Mapping[str, int], shape: LotShape, seed: int
    ) -> None:
        empty = [name for name in weights if not len(costs[name])]
        if empty:
            raise BadInput(f"domains {empty} have no scene to train on: pack their train split")
        self.costs = costs
        self.mixture = Mixture(weights)
        self.shape = shape
        self.seed = seed

    def step(self, step: int) -> tuple[Lot, ...]:
        """The lots of an optimiser step."""
        return tuple(self.lot(lot_index(step, k, self.shape)) for k in range(self.shape.a_step))

    def lot(self, t: int) -> Lot:
        """Lot ``t``."""
        domain, occurrence = self.mixture.at(t)
        size = self.shape.scenes
        slots = [self.slot(domain, p) for p in range(occurrence * size, (occurrence + 1) * size)]
        parts = spread(slots, self.costs[domain], self.shape.micro)
        units = tuple(self._units(t, m, part, slots) for m, part in enumerate(parts))
        return Lot(t, domain, units)

    def _units(self, t: int, m: int, part: tuple[Slot, ...], drawn: list[Slot]) -> tuple[Unit, ...]:
        """Each scene of micro-lot ``m`` alone, or neighbours in the order in which they were drawn.

        Where their number is odd the last one stays alone, as in Mix3D's official use.
        """
        if key(self.seed, "mix", t, m) >= int(self.shape.mix * 2**64):
            return tuple((slot,) for slot in part)
        place = {slot: i for i, slot in enumerate(drawn)}
        ordered = sorted(part, key=place.__getitem__)
        return tuple(tuple(ordered[i : i + 2]) for i in range(0, len(ordered), 2))

    def slot(self, domain: str, position: int) -> Slot:
        """The scene at a position of the domain's endless order."""
        count = len(self.costs[domain])
        epoch, i = divmod(position, count)
        return Slot(epoch, Permutation(count, key(self.seed, domain, epoch))(i))


def lot_index(step: int, k: int, shape: LotShape) -> int:
    """Index of the ``k``-th lot of a step. Lots that a ledger skips will be jumped here."""
    return step * shape.a_step + k


def deal(lot: Lot, costs: Costs, ranks: int) -> tuple[tuple[tuple[Unit, ...], ...], ...]:
    """Units by micro-lot and rank; every rank gets one where there are as many units."""
    return tuple(_balance(units, costs, ranks) for units in lot.units)


def assign(lot: Lot, costs: Costs, ranks: int) -> tuple[tuple[Unit, ...], ...]:
    """Scenes by micro-lot and rank."""
    return tuple(tuple(tuple(chain(*own)) for own in micro) for micro in deal(lot, costs, ranks))


def spread(slots: Sequence[Slot], costs: Costs, parts: int) -> tuple[tuple[Slot, ...], ...]:
    """Scenes in parts of similar cost."""
    balanced = _balance([(slot,) for slot in slots], costs, parts)
    return tuple(tuple(chain(*part)) for part in balanced)


def _balance(units: Sequence[Unit], costs: Costs, parts: int) -> tuple[tuple[Unit, ...], ...]:
    """Longest processing time first (Graham 1969), at most ``ceil(n / parts)`` units a part."""
    most = -(-len(units) // parts)
    balanced: list[list[Unit]] = [[] for _ in range(parts)]
    load = [0] * parts
    cost = {unit: sum(int(costs[slot.scene]) for slot in unit) for unit in units}
    for unit in sorted(units, key=lambda unit: (-cost[unit], unit)):
        open_parts = [p for p in range(parts) if len(balanced[p]) < most]
        p = min(open_parts, key=lambda p: (load[p], p))
        balanced[p].append(unit)
        load[p] += cost[unit]
    return tuple(tuple(part) for part in balanced)
