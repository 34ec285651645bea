"""`Coverage`: how often each scene of an epoch had its turn."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ppt_dist.stream.plan import Plan, Slot


class Turn(NamedTuple):
    """Of a scene of a domain."""

    domain: str
    slot: Slot


class Coverage(NamedTuple):
    """One pass over a domain, as far as the steps go."""

    domain: str
    epoch: int
    scenes: int
    """Of the domain."""
    once: int
    """Scenes whose turn came once and that were read then."""
    stood_in: int
    """Turns of quarantined scenes that another scene took."""
    repeated: tuple[str, ...]
    """Scenes whose turn came more than once."""
    missed: tuple[str, ...]
    """Scenes whose turn never came, though the epoch is over; those of skipped lots aside."""
    complete: bool
    """All turns of the epoch are in the steps that were looked at."""


def coverage(
    plan: Plan,
    names: Mapping[str, Sequence[str]],
    turns: Counter[Turn],
    own: Counter[Turn],
    stop: int,
) -> Iterator[Coverage]:
    """Every epoch that has begun.

    Args:
        plan: by which an epoch is over, and lots are skipped.
        names: of the scenes of each domain.
        turns: how often each came.
        own: how often the scene itself was read then.
        stop: the step after the last.
    """
    left_out = set(_skipped(plan))
    open_from = {domain: _first_open(plan, domain, stop) for domain in plan.decks}
    for domain, epoch in sorted({(turn.domain, turn.slot.epoch) for turn in turns}):
        every = [Turn(domain, Slot(epoch, scene)) for scene in range(len(names[domain]))]
        over = epoch < open_from[domain]
        yield Coverage(
            domain,
            epoch,
            scenes=len(every),
            once=sum(turns[turn] == 1 == own[turn] for turn in every),
            stood_in=sum(turns[turn] - own[turn] for turn in every),
            repeated=tuple(_named(names, turn) for turn in every if turns[turn] > 1),
            missed=tuple(
                _named(names, turn)
                for turn in every
                if over and turn not in turns and turn not in left_out
            ),
            complete=all(turn in turns for turn in every),
        )


def _first_open(plan: Plan, domain: str, step: int) -> int:
    """The first epoch of which the window that a step stands in, or a later one, has a turn."""
    deck, timeline = plan.decks[domain], plan.timeline
    place = deck.place(timeline.count(domain, timeline.first_lot(step)))
    return int(deck.dealt(place)[0]) // deck.scenes


def _skipped(plan: Plan) -> Iterator[Turn]:
    """The turns in lots that are jumped."""
    for t in plan.timeline.course.skipped:
        lot = plan.lot(t)
        for slot in chain.from_iterable(lot.micro):
            yield Turn(lot.domain, slot)


def _named(names: Mapping[str, Sequence[str]], turn: Turn) -> str:
    return names[turn.domain][turn.slot.scene]
