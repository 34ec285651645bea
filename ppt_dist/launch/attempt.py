"""Numbers of attempts: each start of a group of workers in a run's folder has its own."""

import os
from pathlib import Path

ATTEMPTS = "attempts"
"""Folder below a run's folder with an empty file for each number that was given out."""


def next_attempt(folder: Path) -> int:
    """Reserve the next number, from 1 on; no two callers get the same, and none is given twice.

    Rank 0 of a starting group calls this and tells the other ranks.
    """
    taken = folder / ATTEMPTS
    taken.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name) for path in taken.iterdir()), default=0) + 1
    while not _reserve(taken / str(number)):
        number += 1
    return number


def _reserve(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    return True
