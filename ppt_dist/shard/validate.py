"""Validating packed domains: every byte against its hash, every record against the manifest."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import decode
from ppt_dist.shard.index import IndexEntry, parse_index
from ppt_dist.shard.manifest import MANIFEST, Manifest, Shard, Split, read_manifest
from ppt_dist.shard.member import members_of
from ppt_dist.shard.shelf import check_labels, sha256_of
from ppt_dist.shard.spread import Spread, here

END = "end of archive"
"""In place of a key for the bytes behind the last record."""


class Fault(NamedTuple):
    """Something that is not as it was packed."""

    shard: str
    """File name, or the manifest's."""
    key: str
    """Of the record; empty where the fault is not in one."""
    reason: str


class Counts(NamedTuple):
    """Counts over records."""

    names: set[str]
    points: int
    by_class: np.ndarray
    unlabelled: int

    def plus(self, other: "Counts") -> "Counts":
        """Of both."""
        return Counts(
            self.names | other.names,
            self.points + other.points,
            self.by_class + other.by_class,
            self.unlabelled + other.unlabelled,
        )


class _Piece(NamedTuple):
    """A shard to look at."""

    folder: Path
    shard: Shard
    manifest: Manifest


class _Seen(NamedTuple):
    """What was found in a shard."""

    faults: list[Fault]
    tally: Counts


def packed_domains(folder: Path) -> list[Path]:
    """``folder`` where it is a packed domain, else those in it; `BadInput` where there is none."""
    found = [folder] if (folder / MANIFEST).is_file() else sorted(folder.glob(f"*/{MANIFEST}"))
    domains = [path if path.is_dir() else path.parent for path in found]
    if not domains:
        raise BadInput(f"{folder}: no {MANIFEST} here or one level below: pack a domain first")
    return domains


def validate(
    folder: Path, on_bytes: Callable[[int, int], object], spread: Spread = here
) -> list[Fault]:
    """Faults of a packed domain, in the order of its shards.

    Args:
        folder: holds the manifest.
        on_bytes: told how many bytes of tars are done, of how many.
        spread: who looks at the shards.
    """
    manifest = read_manifest(folder)
    shards = [shard for split in manifest.splits.values() for shard in split.shards]
    pieces = [_Piece(folder, shard, manifest) for shard in shards]
    total, done = sum(shard.size for shard in shards), 0
    found: dict[str, _Seen] = {}
    for piece, seen in spread(_look_at, pieces):
        found[piece.shard.name] = seen
        done += piece.shard.size
        on_bytes(done, total)
    faults: list[Fault] = []
    names: set[str] = set()
    for name, split in manifest.splits.items():
        own, tally = _of_split(split, found, len(manifest.labels))
        faults += own
        faults += [
            Fault(MANIFEST, key, "stands in two splits") for key in sorted(tally.names & names)
        ]
        names |= tally.names
        if not faults:
            faults += [
                Fault(MANIFEST, "", f"split {name}: {why}") for why in _recount(split, tally)
            ]
    strangers = {path.name for path in folder.glob("*.tar")} - {shard.name for shard in shards}
    return faults + [Fault(name, "", "the manifest does not name it") for name in sorted(strangers)]


def _of_split(split: Split, found: Mapping[str, _Seen], classes: int) -> _Seen:
    """Faults and counts over the shards of a split."""
    faults, tally = [], _nothing(classes)
    for shard in split.shards:
        seen = found[shard.name]
        twice = sorted(seen.tally.names & tally.names)
        faults += seen.faults + [Fault(shard.name, key, "its key stands twice") for key in twice]
        tally = tally.plus(seen.tally)
    return _Seen(faults, tally)


def _look_at(piece: _Piece) -> _Seen:
    """Faults of one shard, and counts over its records."""
    folder, shard, manifest = piece
    tally = _nothing(len(manifest.labels))
    tar, index = folder / shard.name, folder / Path(shard.name).with_suffix(".idx").name
    missing = [path.name for path in (tar, index) if not path.is_file()]
    if missing:
        return _Seen([Fault(name, "", "is not there") for name in missing], tally)
    faults: list[Fault] = []
    content = index.read_bytes()
    if hashlib.sha256(content).hexdigest() != shard.index_sha256:
        faults.append(Fault(index.name, "", "its bytes are not those that were packed (sha256)"))
    try:
        entries = parse_index(content, shard.size)
    except BadInput as error:
        return _Seen([*faults, Fault(index.name, "", str(error))], tally)
    before = len(faults)
    for entry, scene in _records(tar, entries, manifest, faults):
        if entry.key in tally.names:
            faults.append(Fault(tar.name, entry.key, "its key stands twice"))
        tally = tally.plus(_counts(scene, len(manifest.labels)))
    if tar.stat().st_size != shard.size:
        size = tar.stat().st_size
        faults.append(Fault(tar.name, "", f"has {size} bytes; {shard.size} were packed"))
    elif sha256_of(tar) != shard.sha256 and len(faults) == before:
        faults.append(Fault(tar.name, END, "its bytes are not those that were packed (sha256)"))
    return _Seen(faults, tally)


def _nothing(classes: int) -> Counts:
    return Counts(set(), 0, np.zeros(classes, np.int64), 0)


def _records(
    tar: Path, entries: list[IndexEntry], manifest: Manifest, faults: list[Fault]
) -> Iterator[tuple[IndexEntry, Scene]]:
    """The records that are whole; the others become faults."""
    with tar.open("rb") as file:
        for entry in entries:
            content = os.pread(file.fileno(), entry.span, entry.offset)
            try:
                entry.check(content)
                scene = decode(members_of(content, entry.key), fields)
                _check(scene, entry, manifest)
            except BadInput as error:
                faults.append(Fault(tar.name, entry.key, str(error)))
                continue
            yield entry, scene


def _check(scene: Scene, entry: IndexEntry, manifest: Manifest) -> None:
    """What a record must be beyond its bytes."""
    if scene.name != entry.key or len(scene) != entry.points:
        raise BadInput(
            f"holds scene {scene.name} of {len(scene)} points, "
            f"but the index says {entry.key} of {entry.points}"
        )
    if not len(scene):
        raise BadInput("has no points")
    check_labels(scene, manifest.labels)
    for name in ("coord", "normal", "strength"):
        array = getattr(scene, name)
        if array is not None and not np.isfinite(array).all():
            raise BadInput(f"{name} is not finite everywhere")


def _counts(scene: Scene, classes: int) -> Counts:
    labelled = scene.segment[scene.segment >= 0]
    by_class = np.bincount(labelled, minlength=classes)
    return Counts({scene.name}, len(scene), by_class, len(scene) - len(labelled))


def _recount(split: Split, tally: Counts) -> list[str]:
    """Counts of the manifest that the records do not bear out."""
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
