"""Looking at one shard: its bytes against their hashes, its records against the manifest."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import decode
from ppt_dist.shard.index import IndexEntry, parse_index
from ppt_dist.shard.laws import LAWS, Law, Looked, check_labels
from ppt_dist.shard.likeness import Likeness, Place, likeness_of
from ppt_dist.shard.manifest import Manifest, Shard
from ppt_dist.shard.member import BLOCK, members_of
from ppt_dist.shard.span import read_span, sha256_of

END = "end of archive"
"""In place of a key for the bytes behind the last record."""
_TAR_UNIT = 20 * BLOCK
"""Tars are padded with zeros to a multiple of it."""


class Fault(NamedTuple):
    """Something that is not as it was packed, or as it must be."""

    shard: str
    """File name, or the manifest's."""
    key: str
    """Of the record; empty where the fault is not in one."""
    reason: str


class Depth(NamedTuple):
    """What is looked at beyond bytes, schema, labels and counts."""

    laws: tuple[Law, ...] = ()
    like: Callable[[Scene], Likeness] | None = None
    """Where scenes are compared with each other."""


QUICK, FULL = Depth(), Depth(LAWS, likeness_of)


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


def nothing(classes: int) -> Counts:
    """Counts before the first record."""
    return Counts(set(), 0, np.zeros(classes, np.int64), 0)


class Piece(NamedTuple):
    """A shard to look at."""

    folder: Path
    split: str
    shard: Shard
    manifest: Manifest
    depth: Depth

    @property
    def excluded(self) -> set[str]:
        """Keys that are left out."""
        return set(self.manifest.splits[self.split].excluded.get(self.shard.name, ()))


class Seen(NamedTuple):
    """What was found in a shard."""

    faults: list[Fault]
    tally: Counts
    likenesses: list[tuple[Place, Likeness]]
    whole: bool
    """Every record could be read."""


def look_at(piece: Piece) -> Seen:
    """Faults of one shard, and counts over its records."""
    folder, _, shard, manifest, _ = piece
    seen = Seen([], nothing(len(manifest.labels)), [], whole=False)
    tar, index = folder / shard.name, folder / Path(shard.name).with_suffix(".idx").name
    missing = [path.name for path in (tar, index) if not path.is_file()]
    if missing:
        return seen._replace(faults=[Fault(name, "", "is not there") for name in missing])
    content = index.read_bytes()
    if hashlib.sha256(content).hexdigest() != shard.index_sha256:
        reason = "its bytes are not those that were packed (sha256)"
        seen.faults.append(Fault(index.name, "", reason))
    try:
        entries = parse_index(content, shard.size)
    except BadInput as error:
        seen.faults.append(Fault(index.name, "", str(error)))
        return seen
    strangers = sorted(piece.excluded - {entry.key for entry in entries})
    seen.faults.extend(
        Fault(shard.name, "", f"{key} is excluded, but not there") for key in strangers
    )
    with tar.open("rb") as file:
        return _look_inside(piece, entries, file, seen)


def _look_inside(piece: Piece, entries: list[IndexEntry], file: BinaryIO, seen: Seen) -> Seen:
    name, size = piece.shard.name, piece.shard.size
    tar, tally, before = piece.folder / name, seen.tally, len(seen.faults)
    for looked in _records(piece, entries, file, seen.faults):
        tally = tally.plus(_counts(looked.scene, len(piece.manifest.labels)))
        if piece.depth.like is not None:
            place = Place(piece.split, name, looked.entry.key)
            seen.likenesses.append((place, piece.depth.like(looked.scene)))
        reasons = [reason for law in piece.depth.laws for reason in law(looked)]
        seen.faults.extend(Fault(name, looked.entry.key, reason) for reason in reasons)
    end = entries[-1].offset + entries[-1].span if entries else 0
    if tar.stat().st_size != size:
        seen.faults.append(Fault(name, "", f"has {tar.stat().st_size} bytes; {size} were packed"))
    elif not _ends(file, end, size):
        reason = "behind the last record is something else than a tar's end of zeros"
        seen.faults.append(Fault(name, END, reason))
    elif (
        len(seen.faults) == before
        and not _excuse(piece, entries, file)
        and (sha256_of(tar) != piece.shard.sha256)
    ):
        seen.faults.append(Fault(name, END, "its bytes are not those that were packed (sha256)"))
    whole = len(tally.names) == len({entry.key for entry in entries} - piece.excluded)
    return seen._replace(tally=tally, whole=whole)


def _records(
    piece: Piece, entries: list[IndexEntry], file: BinaryIO, faults: list[Fault]
) -> Iterator[Looked]:
    """The records that are whole; the others become faults, and those left out are skipped."""
    excluded, manifest = piece.excluded, piece.manifest
    fields = manifest.fields_in(piece.split)
    for entry in (entry for entry in entries if entry.key not in excluded):
        content = read_span(file.fileno(), entry.offset, entry.span)
        try:
            entry.check(content)
            members = members_of(content, entry.key)
            scene = decode(members, fields)
            _check(scene, entry, manifest)
        except BadInput as error:
            faults.append(Fault(piece.shard.name, entry.key, str(error)))
            continue
        yield Looked(entry, content, members, scene, manifest, piece.split)


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


def _ends(file: BinaryIO, end: int, size: int) -> bool:
    """Whether the tar ends as tars do, not long after its last record."""
    short = 2 * BLOCK <= size - end < 2 * BLOCK + _TAR_UNIT and size % _TAR_UNIT == 0
    return short and not any(read_span(file.fileno(), end, size - end))


def _excuse(piece: Piece, entries: list[IndexEntry], file: BinaryIO) -> bool:
    """Whether a record that is left out is damaged: then the tar's hash cannot be right."""
    spans = [entry for entry in entries if entry.key in piece.excluded]
    return any(not _intact(entry, file) for entry in spans)


def _intact(entry: IndexEntry, file: BinaryIO) -> bool:
    try:
        entry.check(read_span(file.fileno(), entry.offset, entry.span))
    except BadInput:
        return False
    return True
