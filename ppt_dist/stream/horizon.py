"""`Horizon`: when a scene is used next, for a cache that lets go of what is needed last."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from ppt_dist.stream.era import ENDLESS, Timeline
from ppt_dist.stream.plan import Plan
from ppt_dist.stream.window import Deck, Place, Segment

NEVER = ENDLESS
"""In place of a lot, for a scene that comes no more."""


class Horizon(NamedTuple):
    """The plan read backwards, from scenes to lots. It holds no costs, so that it is small to send.

    It tells the first lot of the window in which a scene comes, since which lot of the window that
    is depends on the costs. So it is never later than the truth, and early by less than a window of
    the domain, or by two where an era breaks one off.
    """

    timeline: Timeline
    decks: Mapping[str, Deck]

    def next_use(self, domain: str, scene: int, now: int) -> int:
        """A lot not before ``now`` and not after the next that holds ``scene``; `NEVER` if none.

        Args:
            domain: any of the run's.
            scene: its number among the domain's records.
            now: a lot; those before it have been used.
        """
        if domain not in self.decks:
            return NEVER
        n = self._next_lot(self.decks[domain], scene, self.timeline.count(domain, now))
        t = self.timeline.lot_of(domain, n)
        return NEVER if t is None else max(t, now)

    def _next_lot(self, deck: Deck, scene: int, n: int) -> int:
        """First lot of the domain's next window with the scene, from the ``n``-th lot on."""
        place = deck.place(n)
        segment = place.segment
        while True:
            found = _next_window(deck, scene, place)
            lot = segment.lot + found * deck.window
            following = [later for later in deck.segments if later.lot > segment.lot]
            if not following or lot < following[0].lot:
                return lot
            segment = following[0]
            place = Place(segment, 0, 0)


def horizon_of(plan: Plan) -> Horizon:
    """Of a plan's lots."""
    return Horizon(plan.timeline, plan.decks)


def _next_window(deck: Deck, scene: int, place: Place) -> int:
    """The first window of a segment, from a place on, that has the scene."""
    segment, whole = place.segment, deck.window * place.segment.scenes
    start = place.window * whole
    dealt = _among_carried(deck, segment, scene, start)
    if dealt is None:
        dealt = _among_fresh(deck, segment, scene, start)
    return dealt // whole


def _among_carried(deck: Deck, segment: Segment, scene: int, start: int) -> int | None:
    """The first of the carried positions from the ``start``-th on that holds the scene."""
    waiting = segment.carry[start:]
    if not waiting:
        return None
    for epoch in range(waiting[0] // deck.scenes, waiting[-1] // deck.scenes + 1):
        position = _position(deck, epoch, scene)
        i = bisect_left(waiting, position)
        if i < len(waiting) and waiting[i] == position:
            return start + i
    return None


def _among_fresh(deck: Deck, segment: Segment, scene: int, start: int) -> int:
    """Likewise of those that no segment has dealt before."""
    begin = segment.fresh + max(start - len(segment.carry), 0)
    epoch = begin // deck.scenes
    position = _position(deck, epoch, scene)
    if position < begin:
        position = _position(deck, epoch + 1, scene)
    return position - segment.fresh + len(segment.carry)


def _position(deck: Deck, epoch: int, scene: int) -> int:
    return epoch * deck.scenes + deck.permutation(epoch).inverse(scene)
