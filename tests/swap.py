"""A loader that gives one scene for another, behind the plan's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ppt_dist.journal.retry import silent
from ppt_dist.shard.access import PLAIN, open_source
from ppt_dist.stream.load import open_records


@contextmanager
def swapped(folder: Path) -> Iterator[tuple[str, str]]:
    """In this process the first two training records are read in each other's place; their names.

    Names, costs and checksums that the plan is made of stay as they are.
    """
    records = open_records(folder, "train", PLAIN)
    split, source = records._split, records._source
    first, second, *rest = split.records
    records._split = split._replace(records=(second, first, *rest))
    records._source = open_source(records._split, records._store, PLAIN, silent)
    try:
        yield records.names[0], records.names[1]
    finally:
        records._split, records._source = split, source
