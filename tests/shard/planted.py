"""Packed domains with what a test plants in them; hashes and counts are right unless it says so."""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import occupied_voxels
from ppt_dist.shard.codec import encode
from ppt_dist.shard.form import fields_of
from ppt_dist.shard.index import IndexEntry, write_index
from ppt_dist.shard.manifest import Manifest, Shard, Split

GRID = 0.02
CHANNELS = ("color", "normal", "strength")
FIELDS = fields_of(CHANNELS)
CLASSES = 4

Members = list[tuple[str, bytes]]
"""Full names and contents, in the order of the tar."""


class Record(NamedTuple):
    """One record to be written."""

    scene: Scene
    members: Members
    cost: int


def scene(name: str, seed: int, points: int = 60) -> Scene:
    """A sound scene."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(points, 3))
    return Scene(
        name=name,
        coord=(rng.random((points, 3)) * 3).astype(np.float32),
        segment=rng.integers(-1, CLASSES, points).astype(np.int16),
        instance=rng.integers(-1, 5, points).astype(np.int32),
        color=rng.integers(0, 256, (points, 3)).astype(np.uint8),
        normal=(normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32),
        strength=rng.random(points).astype(np.float32),
    )


def record(one: Scene, fields=FIELDS) -> Record:
    """As packing would write it."""
    members = encode(one, fields, GRID)
    named = [(f"{one.name}.{suffix}", members[suffix]) for suffix in sorted(members)]
    near = np.abs(one.coord).max() < 1e5
    return Record(one, named, occupied_voxels(one.coord, GRID) if near else 1)


def changed(name: str, seed: int, field: str, value, where=slice(None, 3)) -> Record:
    """A record with a few values of a field changed."""
    one = scene(name, seed)
    array = getattr(one, field).copy()
    array[where] = value
    return record(replace(one, **{field: array}))


def plain_header(info: tarfile.TarInfo) -> None:
    """Mode, owner and time as packing has them."""
    info.mode = 0o644


def make(
    folder: Path,
    splits: dict[str, list[list[Record]]],
    header: Callable[[tarfile.TarInfo], None] = plain_header,
    tail: bytes = b"",
    **split_keys,
) -> Manifest:
    """Write a domain of shards of records into ``folder``; ``tail`` goes behind each tar."""
    folder.mkdir(exist_ok=True)
    made = {}
    for split, shards in splits.items():
        written = [
            _shard(folder / f"{split}-{n:06d}.tar", records, header, tail)
            for n, records in enumerate(shards)
        ]
        segments = np.concatenate([r.scene.segment for records in shards for r in records])
        made[split] = Split(
            shards=tuple(written),
            scenes=sum(s.scenes for s in written),
            points=sum(s.points for s in written),
            points_by_class=_by_class(segments),
            unlabelled=int((segments < 0).sum()),
            **split_keys,
        )
    manifest = Manifest(
        domain="planted",
        title="Planted",
        licence="none",
        recipe_sha256="0" * 64,
        grid=GRID,
        cost_grid=GRID,
        channels=CHANNELS,
        labels=LabelSet(names=tuple("abcd"), words=tuple("abcd")),
        fields=FIELDS,
        splits=made,
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return manifest


def _by_class(segments: np.ndarray) -> tuple[int, ...]:
    known = segments[(segments >= 0) & (segments < CLASSES)]
    return tuple(np.bincount(known, minlength=CLASSES).tolist())


def _shard(path: Path, records: list[Record], header, tail: bytes) -> Shard:
    buffer, entries = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for one in records:
            start = buffer.tell()
            for name, content in one.members:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                header(info)
                tar.addfile(info, io.BytesIO(content))
            span = buffer.getvalue()[start:]
            entries.append(
                IndexEntry(
                    one.scene.name, start, len(span), len(one.scene), one.cost, zlib.crc32(span)
                )
            )
    content = buffer.getvalue() + tail
    path.write_bytes(content)
    index = write_index(entries, len(content))
    path.with_suffix(".idx").write_bytes(index)
    return Shard(
        name=path.name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        index_sha256=hashlib.sha256(index).hexdigest(),
        scenes=len(entries),
        points=sum(entry.points for entry in entries),
    )
