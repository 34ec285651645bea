"""`Plan`: the scenes of every lot, from counts, costs, mixture and seed alone; and their ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Lot:
    """Scenes of one domain, for all ranks together."""

    index: int
    domain: str
    micro: tuple[tuple[Slot, ...], ...]
    """The scenes of each micro-lot; they do not depend on the number of ranks."""


class LotShape(NamedTuple):
    """How lots are cut."""

    scenes: int
    micro: int
    """Micro-lots of a lot."""
    a_step: int
    """Lots of an optimiser step."""


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
        costs = self.costs[domain]
        slots.sort(key=lambda slot: (costs[slot.scene], slot.epoch, slot.scene))
        return Lot(t, domain, spread(slots, costs, self.shape.micro))

    def slot(self, domain: str, position: int) -> Slot:
        """The scene at a position of the domain's endless order."""
        count = len(self.costs[domain])
        epoch, i = divmod(position, count)
        return Slot(epoch, Permutation(count, key(self.seed, domain, epoch))(i))


def lot_index(step: int, k: int, shape: LotShape) -> int:
    """Index of the ``k``-th lot of a step. Lots that a ledger skips will be jumped here."""
    return step * shape.a_step + k


def assign(lot: Lot, costs: Costs, ranks: int) -> tuple[tuple[tuple[Slot, ...], ...], ...]:
    """Scenes by micro-lot and rank; every rank gets one where there are as many scenes."""
    return tuple(spread(micro, costs, ranks) for micro in lot.micro)


def spread(slots: Sequence[Slot], costs: Costs, parts: int) -> tuple[tuple[Slot, ...], ...]:
    """Longest processing time first (Graham 1969), at most ``ceil(n / parts)`` slots a part."""
    most = -(-len(slots) // parts)
    spread: list[list[Slot]] = [[] for _ in range(parts)]
    load = [0] * parts
    for slot in sorted(slots, key=lambda s: (-costs[s.scene], s.epoch, s.scene)):
        open_parts = [p for p in range(parts) if len(spread[p]) < most]
        p = min(open_parts, key=lambda p: (load[p], p))
        spread[p].append(slot)
        load[p] += int(costs[slot.scene])
    return tuple(tuple(part) for part in spread)
