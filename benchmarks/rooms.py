"""Measures nothing itself: packed domains of large procedural rooms, without raw files."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.clouds import dense_room
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import occupied_voxels
from ppt_dist.shard.codec import encode
from ppt_dist.shard.form import fields_of
from ppt_dist.shard.index import IndexEntry, write_index
from ppt_dist.shard.manifest import MANIFEST, Manifest, Shard, Split
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.shelf import sha256_of
from ppt_dist.shard.tar import crc32_of, write_tar
from ppt_dist.train.sources import TRAIN

SIZES = (150_000, 200_000)
"""Fewest and most points of a room."""
A_SHARD = 4
"""Rooms of a tar."""


def pack_rooms(folder: Path, count: int) -> Path:
    """``count`` rooms as the train split of a domain; returns its folder."""
    recipe, _ = find_recipe("scannet")
    folder.mkdir(parents=True)
    rooms = [_room(i, count) for i in range(count)]
    shards = tuple(
        _shard(folder / f"{TRAIN}-{n:06d}.tar", rooms[start : start + A_SHARD], recipe.cost_grid)
        for n, start in enumerate(range(0, count, A_SHARD))
    )
    segment = np.concatenate([room.segment for room in rooms])
    by_class = np.bincount(segment[segment >= 0], minlength=len(recipe.classes))
    split = Split(
        shards=shards,
        scenes=count,
        points=len(segment),
        points_by_class=tuple(by_class.tolist()),
        unlabelled=int((segment < 0).sum()),
    )
    manifest = Manifest(
        domain=recipe.name,
        title=recipe.title,
        licence=recipe.licence,
        recipe_sha256="0" * 64,
        grid=recipe.grid,
        cost_grid=recipe.cost_grid,
        channels=recipe.channels,
        labels=recipe.labels,
        fields=fields_of(recipe.channels),
        splits={TRAIN: split},
    )
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return folder


def _room(i: int, count: int) -> Scene:
    low, high = SIZES
    return replace(dense_room(low + (high - low) * i // max(count - 1, 1)), name=f"room{i:04d}")


def _shard(tar: Path, rooms: list[Scene], cost_grid: float) -> Shard:
    fields = fields_of(("color", "normal"))
    spans = write_tar(tar, ((room.name, encode(room, fields, cost_grid)) for room in rooms))
    entries = [
        IndexEntry(s.key, s.offset, s.size, len(room), occupied_voxels(room.coord, cost_grid), crc)
        for s, room, crc in zip(spans, rooms, crc32_of(tar, spans), strict=True)
    ]
    index = write_index(entries, tar.stat().st_size)
    tar.with_suffix(".idx").write_bytes(index)
    return Shard(
        name=tar.name,
        size=tar.stat().st_size,
        sha256=sha256_of(tar),
        index_sha256=hashlib.sha256(index).hexdigest(),
        scenes=len(rooms),
        points=sum(map(len, rooms)),
    )
