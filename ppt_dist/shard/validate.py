"""Validating packed domains: shard by shard, and each scene against all others."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ppt_dist.section import BadInput
from ppt_dist.shard.likeness import Likeness, Place, alike
from ppt_dist.shard.look import QUICK, Counts, Depth, Fault, Piece, Seen, look_at, nothing
from ppt_dist.shard.manifest import MANIFEST, Manifest, Split, read_manifest
from ppt_dist.shard.recipe import TRAINING
from ppt_dist.shard.spread import Spread, here

OnBytes = Callable[[int, int], object]
"""Told how many bytes of tars are done, of how many."""


class Looks(NamedTuple):
    """What was found in each shard of a domain."""

    manifest: Manifest
    seen: Mapping[str, Seen]
    """By the tar's name."""


def packed_domains(folder: Path) -> list[Path]:
    """``folder`` where it is a packed domain, else those in it; `BadInput` where there is none."""
    found = [folder] if (folder / MANIFEST).is_file() else sorted(folder.glob(f"*/{MANIFEST}"))
    domains = [path if path.is_dir() else path.parent for path in found]
    if not domains:
        raise BadInput(f"{folder}: no {MANIFEST} here or one level below: pack a domain first")
    return domains


def validate(
    folder: Path, on_bytes: OnBytes, spread: Spread = here, depth: Depth = QUICK
) -> list[Fault]:
    """Faults of a packed domain, in the order of its shards.

    Args:
        folder: holds the manifest.
        on_bytes: told how many bytes of tars are done, of how many.
        spread: who looks at the shards.
        depth: what is looked at: `QUICK`, or `FULL`.
    """
    looks = look(folder, read_manifest(folder), on_bytes, spread, depth)
    manifest, seen = looks
    faults = [fault for one in seen.values() for fault in one.faults]
    faults += _shared_keys(looks)
    faults += _shared_scenes(looks)
    for name, split in manifest.splits.items():
        faults += [Fault(MANIFEST, "", f"split {name}: {why}") for why in _recount(split, looks)]
    return faults + list(_strangers(folder, seen))


def look(
    folder: Path, manifest: Manifest, on_bytes: OnBytes, spread: Spread, depth: Depth
) -> Looks:
    """Look at every shard; arguments are those of `validate`."""
    pieces = [
        Piece(folder, name, shard, manifest, depth)
        for name, split in manifest.splits.items()
        for shard in split.shards
    ]
    total, done = sum(piece.shard.size for piece in pieces), 0
    found: dict[str, Seen] = {}
    for piece, seen in spread(look_at, pieces):
        found[piece.shard.name] = seen
        done += piece.shard.size
        on_bytes(done, total)
    return Looks(manifest, {piece.shard.name: found[piece.shard.name] for piece in pieces})


def _shared_keys(looks: Looks) -> Iterator[Fault]:
    """Keys that two shards have."""
    owner: dict[str, Place] = {}
    for split, shard in _shards(looks.manifest):
        for key in sorted(looks.seen[shard].tally.names):
            place = Place(split, shard, key)
            if key in owner:
                spare, other = _spare(place, owner[key])
                yield Fault(spare.shard, key, f"its key stands in {other.shard}, too")
            owner.setdefault(key, place)


def _shared_scenes(looks: Looks) -> Iterator[Fault]:
    """Scenes that are in the domain under two keys."""
    scenes: list[tuple[Place, Likeness]] = [
        scene for _, shard in _shards(looks.manifest) for scene in looks.seen[shard].likenesses
    ]
    for place, first in alike(scenes, looks.manifest.grid):
        if place.key != first.key:
            spare, other = _spare(place, first)
            where = f"{other.key} of split {other.split}"
            yield Fault(spare.shard, spare.key, f"is the same scan as {where}")


def _spare(later: Place, first: Place) -> tuple[Place, Place]:
    """Which of two to give up, and which to keep: what is scored on is kept, or the first."""
    return (first, later) if first.split == TRAINING != later.split else (later, first)


def _shards(manifest: Manifest) -> list[tuple[str, str]]:
    return [(name, s.name) for name, split in manifest.splits.items() for s in split.shards]


def _strangers(folder: Path, seen: Mapping[str, Seen]) -> Iterator[Fault]:
    """Tars of nobody, and indices, also for other programs, of tars that are not there."""
    stems = {name.removesuffix(".tar") for name in seen}
    there = {path for path in folder.glob("*.tar") if path.name not in seen}
    there |= {path for path in folder.glob("*.idx") if path.name.partition(".")[0] not in stems}
    for name in sorted(path.name for path in there):
        yield Fault(name, "", "the manifest does not name it")


def count(split: Split, looks: Looks) -> Counts:
    """Over the records of a split."""
    tally = nothing(len(looks.manifest.labels))
    for shard in split.shards:
        tally = tally.plus(looks.seen[shard.name].tally)
    return tally


def _recount(split: Split, looks: Looks) -> list[str]:
    """Counts of the manifest that the records do not bear out, where all of them could be read."""
    if not all(looks.seen[shard.name].whole for shard in split.shards):
        return []
    tally = count(split, looks)
    pairs = {
        "scenes": (split.scenes, len(tally.names)),
        "points": (split.points, tally.points),
        "points_by_class": (list(split.points_by_class), tally.by_class.tolist()),
        "unlabelled": (split.unlabelled, tally.unlabelled),
    }
    return [
        f"{k} is {told}, the records have {found}"
        for k, (told, found) in pairs.items()
        if told != found
    ]
