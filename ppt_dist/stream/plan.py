"""`Plan`: the scenes of every lot, from counts, costs, mixture and seed alone; and their ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from ppt_dist.section import BadInput
from ppt_dist.stream.era import Course, Timeline
from ppt_dist.stream.permutation import key
from ppt_dist.stream.window import Costs, Deck, Segment, Slot

Unit = tuple[Slot, ...]
"""What stays together: a scene, or two that are mixed into one."""

WINDOWS = 4
"""Of each domain that are kept, so that reading ahead computes none twice."""


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
    """Of a lot whose size no era names."""
    micro: int
    """Micro-lots of a lot."""
    a_step: int
    """Lots of an optimiser step."""
    mix: float = 0.0
    """Part of the micro-lots whose scenes are mixed in pairs."""
    window: int = 1
    """Lots of a domain among which scenes are regrouped by cost."""


class Plan:
    """The order of the data, without state: any lot is computed in the same time as the first."""

    def __init__(
        self, costs: Mapping[str, Costs], course: Course, shape: LotShape, seed: int
    ) -> None:
        self.timeline = Timeline(course, shape.scenes, shape.a_step)
        empty = [name for name in self.timeline.domains if not len(costs[name])]
        if empty:
            raise BadInput(f"domains {empty} have no scene to train on: pack their train split")
        self.costs = costs
        self.shape = shape
        self.seed = seed
        self.decks = {name: self._deck(name) for name in self.timeline.domains}
        self._groups = lru_cache(WINDOWS * len(self.decks))(self._window)

    def step(self, step: int) -> tuple[Lot, ...]:
        """The lots of an optimiser step."""
        lots = range(self.shape.a_step)
        return tuple(self.lot(self.timeline.lot_index(step, k)) for k in lots)

    def lot(self, t: int) -> Lot:
        """Lot ``t``."""
        domain, n = self.timeline.at(t)
        lot = self.decks[domain].place(n).lot
        drawn = [Slot(*row) for row in self._groups(domain, n - lot)[lot].tolist()]
        parts = spread(drawn, self.costs[domain], self.shape.micro)
        units = tuple(self._units(t, m, part, drawn) for m, part in enumerate(parts))
        return Lot(t, domain, units)

    def slot(self, domain: str, position: int) -> Slot:
        """The scene at a position of the domain's endless order, before windows regroup it."""
        deck = self.decks[domain]
        epoch, i = divmod(position, deck.scenes)
        return Slot(epoch, deck.permutation(epoch)(i))

    def _window(self, domain: str, n: int) -> Int64[np.ndarray, "lots scenes 2"]:
        """Epochs and scenes of the window that begins with the ``n``-th lot of a domain."""
        deck = self.decks[domain]
        place = deck.place(n)
        return deck.slots(deck.dealt(place))[deck.groups(place, self.costs[domain])]

    def _units(self, t: int, m: int, part: tuple[Slot, ...], drawn: list[Slot]) -> tuple[Unit, ...]:
        """Each scene of micro-lot ``m`` alone, or neighbours in the order in which they were drawn.

        Where their number is odd the last one stays alone, as in Mix3D's official use.
        """
        if key(self.seed, "mix", t, m) >= int(self.shape.mix * 2**64):
            return tuple((slot,) for slot in part)
        place = {slot: i for i, slot in enumerate(drawn)}
        ordered = sorted(part, key=place.__getitem__)
        return tuple(tuple(ordered[i : i + 2]) for i in range(0, len(ordered), 2))

    def _deck(self, domain: str) -> Deck:
        """The domain's scenes, cut anew where the size of its lots changes, and nowhere else."""
        costs = self.costs[domain]
        cuts = [
            (stretch.lots.get(domain, 0), stretch.scenes[domain])
            for stretch in self.timeline.stretches
            if domain in stretch.scenes
        ]
        first = Segment(0, cuts[0][1], 0)
        deck = Deck(domain, len(costs), self.seed, self.shape.window, (first,))
        for n, scenes in cuts[1:]:
            if deck.segments[-1].scenes != scenes:
                deck = deck.resized(n, scenes, costs)
        return deck


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
    cost = {unit: sum(int(costs[slot.scene]) for slot in unit) for unit in units}
    lightest = [(0, p) for p in range(parts)]
    heapify(lightest)
    for unit in sorted(units, key=lambda unit: (-cost[unit], unit)):
        load, p = heappop(lightest)
        balanced[p].append(unit)
        if len(balanced[p]) < most:
            heappush(lightest, (load + cost[unit], p))
    return tuple(tuple(part) for part in balanced)
