"""`Rank`: which of the training processes this one is."""

from typing import NamedTuple


class Rank(NamedTuple):
    """Process ``index`` of ``of``. It is an argument everywhere; only `launch` learns it from outside."""

    index: int
    of: int
