"""`Found`: which scenes of a split there are, by its list or by its folder."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw


class Found(NamedTuple):
    """A split held against the raw folder."""

    present: tuple[tuple[str, Path], ...]
    """Scene ids and where they lie."""
    absent: tuple[str, ...]
    """Ids of the list of which nothing is there."""
    notes: tuple[str, ...] = ()


@runtime_checkable
class Find(Protocol):
    """Looks for the scenes of a split."""

    def __call__(self, raw: Raw, split: str) -> Found:
        """Those that are there; `BadInput` where the list or the folder cannot be used."""
        ...


def by_list(raw: Raw, split: str) -> Found:
    """The scenes that the split's list names, wherever the reader finds them."""
    reader = find_reader(raw.recipe.reader)
    found = {name: reader.find(raw.root, name) for name in listed_ids(raw, split)}
    present = tuple(scene for scenes in found.values() for scene in scenes.items())
    return Found(present, tuple(name for name, scenes in found.items() if not scenes))


def listed_ids(raw: Raw, split: str) -> list[str]:
    """The ids of a split's list, sorted; `BadInput` where one stands twice."""
    path = raw.folder / raw.recipe.splits[split]
    try:
        ids = path.read_text("utf-8").split()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise BadInput(f"split {split!r}: {path} is not a list of scene ids: {error}") from None
    ids.sort()
    twice = [name for name, following in pairwise(ids) if name == following]
    if twice:
        raise BadInput(f"{path}: {', '.join(twice[:5])} stand twice")
    return ids
