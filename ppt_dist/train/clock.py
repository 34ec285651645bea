"""`Clock`: where a rank's time goes; every second belongs to one phase, the innermost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PHASES: tuple[str, ...] = ("data", "forward", "backward", "communication", "optimizer", "other")
"""Of a step: waiting for lots, the net, its gradient, collectives inside either, the rest of the
update, and what is between them. Where a GPU works on its own, a phase has the time in which the
host started the work or waited for it."""


class Clock:
    """Seconds by phase since the last lap."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open = ["other"]
        self._spent = dict.fromkeys(PHASES, 0.0)
        self._since = now()

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """The block is ``phase``, but for the blocks inside it that are another."""
        self._charge()
        self._open.append(phase)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def lap(self) -> dict[str, float]:
        """Seconds of each of `PHASES` since the last call, or since the clock was made."""
        self._charge()
        spent, self._spent = self._spent, dict.fromkeys(PHASES, 0.0)
        return spent

    def _charge(self) -> None:
        now = self._now()
        self._spent[self._open[-1]] += now - self._since
        self._since = now
