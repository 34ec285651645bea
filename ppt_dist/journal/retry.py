"""`attempt`: the only place where something that failed is tried again, with pauses that grow."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pydantic import NonNegativeInt, PositiveFloat

from ppt_dist.section import Section

Result = TypeVar("Result")
Tell = Callable[[str], object]
"""Gets a sentence about each repetition, from whatever thread it happens in."""

_DOUBLINGS = 60
_DICE = random.SystemRandom()  # no seed and no state: what it gives reaches no data


class Retries(Section):
    """How patiently a place is read that fails for a while."""

    times: NonNegativeInt = 6
    """Most repetitions of one request."""
    first: PositiveFloat = 0.5
    """Longest pause before the first repetition, seconds; it doubles with each."""
    longest: PositiveFloat = 30.0
    """Longest pause of all, seconds."""
    deadline: PositiveFloat = 300.0
    """No repetition starts, and no request lasts, longer than this, seconds."""
    timeout: PositiveFloat = 60.0
    """A request that gives no byte for this long has failed, seconds."""


class Transient(OSError):
    """A failure that may be gone when the same is asked again."""


class Unreachable(OSError):
    """What was asked for failed in every repetition; the data itself is not known to be bad."""


def silent(_sentence: str) -> None:
    """Tell nobody."""


def attempt(call: Callable[[], Result], retries: Retries, tell: Tell) -> Result:
    """The result of ``call``, repeated while it raises `Transient`.

    Pauses have full jitter: each is drawn between nothing and a bound that doubles.

    Raises:
        Unreachable: repetitions or time ran out.
    """
    start, tries = time.monotonic(), 0
    while True:
        tries += 1
        try:
            return call()
        except Transient as failure:
            bound = min(retries.longest, retries.first * 2.0 ** min(tries - 1, _DOUBLINGS))
            pause = _DICE.uniform(0, bound)
            spent = time.monotonic() - start
            if tries > retries.times or spent + pause > retries.deadline:
                raise Unreachable(
                    f"{failure}; given up after {tries} tries in {spent:.1f} s: see whether the "
                    "place can be reached from this machine, or be more patient (engine.retries)"
                ) from None
            tell(f"{failure}; again in {pause:.2f} s (retry {tries} of {retries.times})")
        time.sleep(pause)
