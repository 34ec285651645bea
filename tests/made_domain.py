"""A packed domain of random bytes in several tars: for tests that read records and decode none."""

import hashlib
from pathlib import Path

import numpy as np

from ppt_dist.scene.labels import LabelSet
from ppt_dist.shard.index import IndexEntry, write_index
from ppt_dist.shard.manifest import MANIFEST, Manifest, Shard, Split
from ppt_dist.shard.tar import crc32_of, write_tar


def make_domain(folder: Path, tars: int, records_a_tar: int, seed: int = 0) -> Manifest:
    """Write it into ``folder``: one split, ``train``."""
    dice = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    shards = tuple(_shard(folder, n, records_a_tar, dice) for n in range(tars))
    scenes = tars * records_a_tar
    split = Split(
        shards=shards, scenes=scenes, points=scenes, points_by_class=(scenes,), unlabelled=0
    )
    manifest = Manifest(
        domain=folder.name,
        title="made up",
        licence="none",
        recipe_sha256="0",
        grid=0.02,
        cost_grid=0.02,
        channels=("coord",),
        labels=LabelSet(names=("thing",), words=("thing",)),
        fields={},
        splits={"train": split},
    )
    (folder / MANIFEST).write_text(manifest.to_json())
    return manifest


def _shard(folder: Path, number: int, records: int, dice: np.random.Generator) -> Shard:
    tar = folder / f"train-{number:06d}.tar"
    made = [(f"scene-{number}-{i}", _members(dice)) for i in range(records)]
    spans = write_tar(tar, made)
    entries = [
        IndexEntry(span.key, span.offset, span.size, 1, 1, crc)
        for span, crc in zip(spans, crc32_of(tar, spans), strict=True)
    ]
    size = tar.stat().st_size
    index = write_index(entries, size)
    tar.with_suffix(".idx").write_bytes(index)
    return Shard(
        name=tar.name,
        size=size,
        sha256=hashlib.sha256(tar.read_bytes()).hexdigest(),
        index_sha256=hashlib.sha256(index).hexdigest(),
        scenes=records,
        points=records,
    )


def _members(dice: np.random.Generator) -> dict[str, bytes]:
    return {field: dice.bytes(int(dice.integers(1, 9000))) for field in ("a.npy", "b.npy")}
