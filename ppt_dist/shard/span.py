"""A span of a file, read into memory that can be written to, so that arrays can lie in it."""

import os

import numpy as np


def read_span(file: int, offset: int, size: int) -> memoryview:
    """``size`` bytes of an open file from ``offset``, or as many as it has; one copy, no seek."""
    span = memoryview(np.empty(size, np.uint8))
    got = 0
    while got < size:
        more = os.preadv(file, [span[got:]], offset + got)
        if not more:
            break
        got += more
    return span[:got]
