"""One shard's worth of packing: raw scans in, a tar, its index and their figures out."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.journal.durable import aside_of, write_durably
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import occupied_voxels
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.codec import decode, encode, in_morton_order, step_of
from ppt_dist.shard.form import Storage, fields_of
from ppt_dist.shard.index import IndexEntry, write_index
from ppt_dist.shard.laws import check_labels
from ppt_dist.shard.manifest import Shard
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.rounding import Rounding, rounding_of
from ppt_dist.shard.span import sha256_of
from ppt_dist.shard.tar import crc32_of, write_tar

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
"""Errors of the file system that are the scan's own; others are tried again, and end the work."""


class Job(NamedTuple):
    """Scans that go into one shard."""

    name: str
    """File name of the tar."""
    folder: Path
    """Where it is made."""
    scenes: tuple[tuple[str, Path], ...]
    """Scene ids and where they lie."""
    raw: Raw
    storage: Storage = Storage()


class Packed(Section):
    """What became of a job; kept beside the tar, so that an interrupted packing continues."""

    shard: Shard
    points_by_class: tuple[int, ...]
    unlabelled: int
    broken: dict[str, str]
    """Scene id to the reason why it could not be read."""
    notes: tuple[str, ...]
    rounding: Rounding = Rounding()
    """Zero where the shard is plain."""


def pack_shard(job: Job) -> Packed:
    """Make the tar and its index, or find them made."""
    done = _note(job)
    if done.is_file():
        return parse(Packed, json.loads(done.read_bytes()), done)
    shelf = _Shelf(job)
    tar = job.folder / job.name
    aside = aside_of(tar)
    spans = write_tar(aside, shelf.records())
    crcs = crc32_of(aside, spans)
    aside.replace(tar)
    entries = [
        IndexEntry(span.key, span.offset, span.size, *shelf.figures[span.key], crc)
        for span, crc in zip(spans, crcs, strict=True)
    ]
    index = write_index(entries, tar.stat().st_size)
    write_durably(tar.with_suffix(".idx"), index)
    packed = Packed(
        shard=Shard(
            name=job.name,
            size=tar.stat().st_size,
            sha256=sha256_of(tar),
            index_sha256=hashlib.sha256(index).hexdigest(),
            scenes=len(entries),
            points=sum(entry.points for entry in entries),
        ),
        points_by_class=tuple(shelf.by_class.tolist()),
        unlabelled=shelf.unlabelled,
        broken=shelf.broken,
        notes=tuple(shelf.notes),
        rounding=shelf.rounding,
    )
    write_durably(done, json.dumps(packed.model_dump(mode="json")).encode())
    return packed


def forget_shard(job: Job) -> None:
    """Let the shard be made again."""
    _note(job).unlink()


def _note(job: Job) -> Path:
    return job.folder / f"{job.name}.json"


class _Shelf:
    """Reads the scans of a job one by one and keeps their figures."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._labels = job.raw.recipe.labels
        self.by_class = np.zeros(len(self._labels), np.int64)
        self.unlabelled = 0
        self.figures: dict[str, tuple[int, int]] = {}
        """Points and cost by key."""
        self.broken: dict[str, str] = {}
        self.notes: list[str] = []
        self.rounding = Rounding()

    def records(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        reader = find_reader(self._job.raw.recipe.reader)
        for scene_id, place in self._job.scenes:
            try:
                reading = reader.read(scene_id, place, self._job.raw)
                check_labels(reading.scene, self._labels)
                record = self._record(reading.scene)
            except (BadInput, *_ABSENT) as error:
                self.broken[scene_id] = str(error)
                continue
            self.notes += reading.notes
            yield record

    def _record(self, scene: Scene) -> tuple[str, dict[str, bytes]]:
        """Key and members; counts and costs are of what will be read."""
        recipe, storage = self._job.raw.recipe, self._job.storage
        fields = fields_of(recipe.channels, storage.codec)
        if storage.order == "morton":
            scene = in_morton_order(scene, recipe.grid)
        members = encode(scene, fields, recipe.grid)
        step = step_of(members)
        kept = scene if step is None else decode(members, fields)
        cost = occupied_voxels(kept.coord, recipe.cost_grid)
        if step is not None:
            self.rounding = self.rounding.plus(rounding_of(scene, kept, step))
        self._count(kept, cost)
        return scene.name, members

    def _count(self, scene: Scene, cost: int) -> None:
        labelled = scene.segment[scene.segment >= 0]
        self.by_class += np.bincount(labelled, minlength=len(self.by_class))
        self.unlabelled += len(scene) - len(labelled)
        self.figures[scene.name] = (len(scene), cost)
