"""Leaving scenes out of a packed split after all: they stay in the tars and are not read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import Section, parse
from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.manifest import Manifest, Split

EXCLUSIONS = "exclusions.json"


class Exclusion(Section):
    """A scene that is left out."""

    split: str
    shard: str
    key: str
    reason: str


class Exclusions(Section):
    """``exclusions.json``: why scenes were left out. What counts is the manifest's list of them."""

    format: Literal[1] = 1
    domain: str
    judged: str
    """Digest of the manifest that was looked at."""
    made: str
    """Digest of the manifest that leaves the scenes out."""
    excluded: tuple[Exclusion, ...]


def kept(entries: Iterable[IndexEntry], shard: str, split: Split) -> list[IndexEntry]:
    """The entries of a shard's index that are scenes of the split."""
    excluded = set(split.excluded.get(shard, ()))
    return [entry for entry in entries if entry.key not in excluded]


def excluding(manifest: Manifest, excluded: Iterable[Exclusion]) -> Manifest:
    """The manifest with more scenes left out; its counts are still those of before."""
    lists = {
        name: {s: set(k) for s, k in p.excluded.items()} for name, p in manifest.splits.items()
    }
    for scene in excluded:
        lists[scene.split].setdefault(scene.shard, set()).add(scene.key)
    return manifest.model_copy(
        update={
            "splits": {
                name: split.model_copy(
                    update={"excluded": {s: tuple(sorted(k)) for s, k in lists[name].items()}}
                )
                for name, split in manifest.splits.items()
            }
        }
    )


def read_exclusions(folder: Path) -> tuple[Exclusion, ...]:
    """What was left out of a packed domain; `BadInput` where the file is not one of these."""
    path = folder / EXCLUSIONS
    if not path.is_file():
        return ()
    return parse(Exclusions, json.loads(path.read_bytes()), path).excluded


def write_exclusions(folder: Path, exclusions: Exclusions) -> None:
    """Durably, beside the manifest."""
    table = exclusions.model_dump(mode="json")
    text = json.dumps(table, sort_keys=True, indent=1) + "\n"
    write_durably(folder / EXCLUSIONS, text.encode())
