"""`Timeline`: the domain of every lot through eras, the stretches of a run with one mixture."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ppt_dist.section import BadInput
from ppt_dist.stream.mixture import Mixture, Turn

ENDLESS = 1 << 62
"""In place of a run's last step, where it has none."""


class Era(NamedTuple):
    """What holds from a step on; a run's are in rising order, and only ever appended."""

    step: int
    weights: Mapping[str, int]
    """Lots of each domain in a period; a domain that is absent or 0 takes no part."""
    scenes: Mapping[str, int]
    """Scenes of a lot of each domain; for one that is absent they are those of the lots' shape."""


class Course(NamedTuple):
    """Everything that decides which domain a lot is of."""

    eras: tuple[Era, ...]
    """The first begins at step 0."""
    limits: Mapping[str, int]
    """Most scenes of a domain that may be drawn; it leaves before the step that would exceed it."""
    skipped: tuple[int, ...] = ()
    """Lots that no step takes, in rising order."""
    steps: int = ENDLESS
    """Of the run."""


def steady(weights: Mapping[str, int]) -> Course:
    """One mixture for ever, with lots of one size."""
    return Course((Era(0, weights, {}),), {})


class Stretch(NamedTuple):
    """An era as it came to be."""

    step: int
    lot: int
    """Its first."""
    mixture: Mixture
    scenes: Mapping[str, int]
    """Of a lot of each domain that takes part."""
    lots: Mapping[str, int]
    """Lots of each domain before it."""
    drawn: Mapping[str, int]
    """Scenes of each domain in those."""

    def lots_before(self, domain: str, t: int) -> int:
        """Lots of ``domain`` before lot ``t``, which is not before this era."""
        return self.lots.get(domain, 0) + self._own(domain, t)

    def scenes_before(self, domain: str, t: int) -> int:
        """Scenes of ``domain`` in the lots before lot ``t``."""
        before = self.drawn.get(domain, 0)
        return before + self._own(domain, t) * self.scenes.get(domain, 0)

    def _own(self, domain: str, t: int) -> int:
        return self.mixture.count(domain, t - self.lot) if domain in self.scenes else 0


class Timeline:
    """Lots to domains and back, and steps to lots; nothing in it grows with the step.

    Args:
        course: of the run.
        scenes: of a lot whose size no era names.
        a_step: lots of an optimiser step.
    """

    def __init__(self, course: Course, scenes: int, a_step: int) -> None:
        self.course, self._scenes, self.a_step = course, scenes, a_step
        self._ahead = [lot - i for i, lot in enumerate(course.skipped)]
        _check(course)
        self.stretches = tuple(self._laid_out())
        self._lots = [stretch.lot for stretch in self.stretches]

    @property
    def domains(self) -> list[str]:
        """Those that take part in any era."""
        return sorted({name for stretch in self.stretches for name in stretch.scenes})

    def lot_index(self, update: int, k: int = 0) -> int:
        """Index of the ``k``-th lot of an optimiser step: skipped lots are jumped."""
        taken = update * self.a_step + k
        return taken + bisect_right(self._ahead, taken)

    def first_lot(self, step: int) -> int:
        """The lot after the last of the step before; later lots that are skipped do not move it."""
        return self.lot_index(step - 1, self.a_step - 1) + 1 if step else 0

    def step_of(self, t: int) -> int:
        """The step that takes lot ``t``, or the next lot that is taken."""
        return (t - bisect_left(self.course.skipped, t)) // self.a_step

    def at(self, t: int) -> Turn:
        """Domain of lot ``t``, and how many lots of it came before."""
        stretch = self.stretch(t)
        turn = stretch.mixture.at(t - stretch.lot)
        return Turn(turn.domain, stretch.lots.get(turn.domain, 0) + turn.occurrence)

    def stretch(self, t: int) -> Stretch:
        """The one that lot ``t`` lies in."""
        return self.stretches[bisect_right(self._lots, t) - 1]

    def count(self, domain: str, t: int) -> int:
        """Lots of ``domain`` before lot ``t``."""
        return self.stretch(t).lots_before(domain, t)

    def lot_of(self, domain: str, occurrence: int) -> int | None:
        """The lot with ``occurrence`` lots of ``domain`` before it; None where it never comes."""
        for stretch, end in zip(self.stretches, [*self._lots[1:], ENDLESS], strict=True):
            if domain in stretch.scenes:
                own = occurrence - stretch.lots.get(domain, 0)
                t = stretch.lot + stretch.mixture.lot_of(domain, own)
                if t < end:
                    return t
        return None

    def _laid_out(self) -> list[Stretch]:
        """The eras of the course, and those that begin where a domain has reached its limit."""
        course, laid, gone = self.course, list[Stretch](), set[str]()
        ends = [*(era.step for era in course.eras[1:]), course.steps]
        for era, end in zip(course.eras, ends, strict=True):
            step = era.step
            while step < end:
                stretch = self._begin(era, step, laid, gone)
                over = {name: self._first_over(stretch, name) for name in stretch.scenes}
                after = min(end, *over.values())
                if after > step:
                    laid.append(stretch)
                gone |= {name for name in over if over[name] == after < end}
                step = after
        return laid

    def _begin(self, era: Era, step: int, laid: Sequence[Stretch], gone: set[str]) -> Stretch:
        weights = {name: n for name, n in era.weights.items() if n and name not in gone}
        t = self.first_lot(step)
        scenes = {name: era.scenes.get(name, self._scenes) for name in weights}
        known = {name for stretch in laid for name in stretch.scenes}
        lots = {name: laid[-1].lots_before(name, t) for name in known}
        drawn = {name: laid[-1].scenes_before(name, t) for name in known}
        if not weights:
            raise BadInput(_used_up(self.course, step, drawn))
        return Stretch(step, t, Mixture(weights), scenes, lots, drawn)

    def _first_over(self, stretch: Stretch, domain: str) -> int:
        """The first step of a stretch that would draw more of a domain than its limit."""
        if domain not in self.course.limits:
            return ENDLESS
        left = self.course.limits[domain] - stretch.drawn.get(domain, 0)
        lots = left // stretch.scenes[domain]
        return self.step_of(stretch.lot + stretch.mixture.lot_of(domain, lots))


def _used_up(course: Course, step: int, drawn: Mapping[str, int]) -> str:
    figures = ", ".join(
        f"{name} ({drawn.get(name, 0):,} scenes of at most {most:,})"
        for name, most in sorted(course.limits.items())
    )
    return (
        f"no domain is left at step {step:,} of {course.steps:,}: max_epochs is reached by "
        f"{figures}. Train fewer steps, raise max_epochs, or leave it out for one domain"
    )


def _check(course: Course) -> None:
    """Refuse eras and skipped lots that are out of order."""
    starts = [era.step for era in course.eras]
    if starts[:1] != [0] or any(b <= a for a, b in pairwise(starts)):
        raise BadInput(
            f"eras begin at steps {starts}: the first must begin at 0, and each after the one "
            "before it; append a later one"
        )
    for era in course.eras:
        if not any(era.weights.values()):
            raise BadInput(f"the era of step {era.step} has no domain with a weight above 0")
    if any(b <= a for a, b in pairwise(course.skipped)):
        raise BadInput(f"skipped lots {course.skipped[:8]} are not in rising order, each once")
