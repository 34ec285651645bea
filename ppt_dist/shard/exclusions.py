"""Leaving scenes out of a packed split after all: they stay in the tars and are not read."""

from collections.abc import Iterable

from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.manifest import Split


def kept(entries: Iterable[IndexEntry], split: Split) -> list[IndexEntry]:
    """The entries of a shard that are scenes of the split."""
    excluded = set(split.excluded)
    return [entry for entry in entries if entry.key not in excluded]
