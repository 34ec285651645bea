"""`Deck`: which scenes lot after lot of one domain holds, regrouped by cost within windows."""

from bisect import bisect_right
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from ppt_dist.stream.permutation import Permutation, key


@runtime_checkable
class Costs(Protocol):
    """Cost of each scene of a domain: an array, or anything that computes them."""

    def __len__(self) -> int:
        """Scenes of the domain."""
        ...

    def __getitem__(self, scene: int, /) -> int:
        """Cost of one."""
        ...


class Slot(NamedTuple):
    """A scene in one pass over its domain."""

    epoch: int
    scene: int


class Segment(NamedTuple):
    """Lots of a domain that are of one size."""

    lot: int
    """Lots of the domain before it."""
    scenes: int
    """Of a lot."""
    fresh: int
    """First position of the domain's endless order that no lot before it was dealt."""
    carry: tuple[int, ...] = ()
    """Positions before that which no lot has shown: they come first."""

    def positions(self, start: int, stop: int) -> Int64[np.ndarray, " dealt"]:
        """What this segment deals ``start``-th to before ``stop``-th."""
        carried = self.carry[start:stop]
        shift = self.fresh - len(self.carry)
        rest = np.arange(max(start, len(self.carry)), stop, dtype=np.int64) + shift
        return np.concatenate([np.array(carried, np.int64), rest])


class Place(NamedTuple):
    """Where a lot of a domain lies."""

    segment: Segment
    window: int
    """Of its segment."""
    lot: int
    """Of its window."""


class Deck(NamedTuple):
    """The endless order of a domain, cut into lots.

    ``window`` consecutive lots are regrouped: the scenes of the window are sorted by epoch and
    cost, cut into groups of a lot's size, and the groups come in a keyed random order. Epochs are
    kept apart, since a scene at the end of one and again at the start of the next costs the same,
    and would stand twice in one lot.
    """

    domain: str
    scenes: int
    """Of the domain."""
    seed: int
    window: int
    segments: tuple[Segment, ...]
    """In the order of their lots; the first begins at lot 0."""

    @property
    def copies(self) -> int:
        """Most epochs that a window reaches into, so that it may hold a scene as often."""
        return max(
            len({position // self.scenes for position in segment.carry})
            + 1
            - (1 - self.window * segment.scenes) // self.scenes
            for segment in self.segments
        )

    def place(self, n: int) -> Place:
        """Where the ``n``-th lot of the domain lies."""
        i = bisect_right(self.segments, n, key=lambda segment: segment.lot) - 1
        segment = self.segments[i]
        return Place(segment, *divmod(n - segment.lot, self.window))

    def dealt(self, place: Place) -> Int64[np.ndarray, " dealt"]:
        """Positions of a lot's whole window, in the order in which they were dealt."""
        whole = self.window * place.segment.scenes
        return place.segment.positions(place.window * whole, (place.window + 1) * whole)

    def slots(self, positions: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, "some 2"]:
        """Epoch and scene at each position."""
        epochs, i = np.divmod(positions, self.scenes)
        scenes = np.empty_like(positions)
        for epoch in np.unique(epochs):
            own = epochs == epoch
            scenes[own] = self.permutation(int(epoch)).many(i[own])
        return np.stack([epochs, scenes], axis=1)

    def permutation(self, epoch: int) -> Permutation:
        """The order of the scenes in one pass over the domain."""
        return Permutation(self.scenes, key(self.seed, self.domain, epoch))

    def groups(self, place: Place, costs: Costs) -> Int64[np.ndarray, "lots scenes"]:
        """A window's lots in the order in which they come; each holds indices into `dealt`."""
        if self.window == 1:
            return np.arange(place.segment.scenes, dtype=np.int64)[None]
        slots = self.slots(self.dealt(place))
        cost = np.array([int(costs[scene]) for scene in slots[:, 1].tolist()], np.int64)
        ranked = np.lexsort((slots[:, 1], cost, slots[:, 0]))
        groups = np.sort(ranked.reshape(self.window, -1), axis=1)
        first = place.segment.lot + place.window * self.window
        visited = Permutation(self.window, key(self.seed, "window", self.domain, first))
        return groups[visited.many(np.arange(self.window))]

    def resized(self, n: int, scenes: int, costs: Costs) -> "Deck":
        """The order with lots of ``scenes`` from the ``n``-th on.

        What the window that is broken off had not shown comes first, so that no scene is lost.
        """
        place = self.place(n)
        segment, whole = place.segment, self.window * place.segment.scenes
        dealt, left = place.window * whole, np.empty(0, np.int64)
        if place.lot:
            dealt += whole
            left = np.sort(self.groups(place, costs)[place.lot :].ravel())
            left = self.dealt(place)[left]
        carry = (*left.tolist(), *segment.carry[dealt:])
        fresh = segment.fresh + max(dealt - len(segment.carry), 0)
        return self._replace(segments=(*self.segments, Segment(n, scenes, fresh, carry)))
