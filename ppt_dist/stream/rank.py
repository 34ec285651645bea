"""`Rank`: which of the training processes this one is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rank:
    """Process ``index`` of ``of``: an argument everywhere; only `launch` learns it from outside."""

    index: int
    of: int
