"""A split list held against the raw folder."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ppt_dist.section import BadInput
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw


class Found(NamedTuple):
    """Which scenes of a split are there."""

    present: tuple[tuple[str, Path], ...]
    """Scene ids and where they lie."""
    absent: tuple[str, ...]


def find_split(raw: Raw, split: str) -> Found:
    """The scenes of a split; `BadInput` where its list is none, or names a scene twice."""
    path = raw.folder / raw.recipe.splits[split]
    try:
        ids = path.read_text("utf-8").split()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise BadInput(f"split {split!r}: {path} is not a list of scene ids: {error}") from None
    ids.sort()
    twice = [name for name, following in pairwise(ids) if name == following]
    if twice:
        raise BadInput(f"{path}: {', '.join(twice[:5])} stand twice")
    reader = find_reader(raw.recipe.reader)
    found = {listed: reader.find(raw.root, listed) for listed in ids}
    present = tuple(scene for scenes in found.values() for scene in scenes.items())
    return Found(present, tuple(listed for listed, scenes in found.items() if not scenes))
