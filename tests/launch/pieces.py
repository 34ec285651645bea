"""Pieces of work that go wrong, and a driver that spreads them over a cluster as Ray tasks."""

import json
import os
import signal
import sys
from pathlib import Path

from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.tasks import Tasks
from ppt_dist.section import BadInput


def size(place: str) -> int:
    return len(Path(place).name)


def dies_once(place: str) -> int:
    if _first(place):
        os.kill(os.getpid(), signal.SIGKILL)
    return size(place)


def meets_a_full_disk_once(place: str) -> int:
    if _first(place):
        raise OSError(28, "No space left on device")
    return size(place)


def always_dies(_place: str) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def finds_bad_input(place: str) -> int:
    raise BadInput(f"{place}: a key is wrong")


def fails(_place: str) -> int:
    raise ArithmeticError("first line\nno such number")


def _first(place: str) -> bool:
    try:
        Path(place).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def main() -> None:
    """``pieces.py ADDRESS WORK PLACE...`` prints sorted results, or the error's type and words."""
    address, work, *places = sys.argv[1:]
    try:
        with Tasks(address) as spread:
            results = sorted(spread(globals()[work], places))
        sys.stdout.write(json.dumps(results) + "\n")
    except (RunFailed, BadInput) as error:
        sys.stdout.write(f"{type(error).__name__}|{error}\n")


if __name__ == "__main__":
    main()
