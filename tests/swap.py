"""A loader that gives one scene for another, behind the plan's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ppt_dist.stream.load import open_records


@contextmanager
def swapped(folder: Path) -> Iterator[tuple[str, str]]:
    """In this process the first two training records are read in each other's place; their names.

    Names, costs and checksums that the plan is made of stay as they are.
    """
    records = open_records(folder, "train")
    records._entries[0], records._entries[1] = records._entries[1], records._entries[0]
    try:
        yield records.names[0], records.names[1]
    finally:
        records._entries[0], records._entries[1] = records._entries[1], records._entries[0]
