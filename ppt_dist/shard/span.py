"""Bytes of a file: a span of them, into memory that can be written to, or the hash of all."""

import hashlib
import os
from pathlib import Path

import numpy as np


def read_span(file: int, offset: int, size: int) -> memoryview:
    """``size`` bytes of an open file from ``offset``, or as many as it has; one copy, no seek."""
    span = np.empty(size, np.uint8).data
    got = 0
    while got < size:
        more = os.preadv(file, [span[got:]], offset + got)
        if not more:
            break
        got += more
    return span[:got]


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
