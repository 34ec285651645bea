"""A small packed domain that fuzzing starts from, and its parts."""

import hashlib
import json
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.shard.foldered import foldered
from ppt_dist.shard.index import IndexEntry, parse_index, write_index
from ppt_dist.shard.manifest import MANIFEST
from ppt_dist.shard.pack import PackOptions, pack
from ppt_dist.shard.readers.pointcept import as_pointcept
from ppt_dist.shard.recipe import find_recipe
from tests.pointcept_folders import save

Files = dict[str, bytes]
"""Of a packed domain, by name."""
SPLITS = ("train", "val")
_SCENES = {"train": 5, "val": 2}


class Record(NamedTuple):
    """A scene in a tar: its members' headers and contents, padding included."""

    entry: IndexEntry
    members: tuple[bytes, ...]


def make_base(folder: Path) -> Path:
    """Seven tiny scenes in four shards, packed by the program: compact to train, plain to val."""
    rng = np.random.default_rng(7)
    recipe, beside = find_recipe("scannet")
    for split, count in _SCENES.items():
        for n in range(count):
            points = int(rng.integers(20, 60))
            save(
                folder / "made" / split / f"{split}_{n}",
                {
                    "coord": rng.random((points, 3)).astype(np.float32),
                    "color": rng.integers(2, 256, (points, 3)).astype(np.uint8),
                    "normal": np.eye(3, dtype=np.float32)[rng.integers(0, 3, points)],
                    "segment20": rng.integers(-1, 20, points),
                    "instance": rng.integers(-1, 5, points),
                },
            )
    small = as_pointcept(recipe.model_copy(update={"scenes_per_shard": 2}))
    options = PackOptions(find=foldered, splits=SPLITS, codecs={"train": "compact"})
    return pack(small, beside, folder / "made", folder / "packed", options, lambda *_: None).folder


def read_files(folder: Path) -> Files:
    """What a reader looks at."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.name[0] != "."}


def tars_of(files: Files) -> list[str]:
    """Names of the tars."""
    return [name for name in files if name.endswith(".tar")]


def index_of(tar: str) -> str:
    """Name of a tar's index."""
    return tar.removesuffix(".tar") + ".idx"


def records_of(files: Files, tar: str) -> list[Record]:
    """The records of a tar that is whole."""
    content = files[tar]
    entries = parse_index(files[index_of(tar)], len(content))
    return [Record(e, _members(content[e.offset : e.offset + e.span])) for e in entries]


def _members(span: bytes) -> tuple[bytes, ...]:
    members, place = [], 0
    while place < len(span):
        size = 512 + -(-int(span[place + 124 : place + 135], 8) // 512) * 512
        members.append(span[place : place + size])
        place += size
    return tuple(members)


def rebuilt(files: Files, tar: str, records: list[Record]) -> Files:
    """The tar of these records with an index and a manifest that are true of it."""
    content, entries = b"", []
    for record in records:
        span = b"".join(record.members)
        place = {"offset": len(content), "span": len(span), "crc32": zlib.crc32(span)}
        entries.append(record.entry._replace(**place))
        content += span
    content += bytes(1024 + -(len(content) + 1024) % 10240)
    changed = {tar: content, index_of(tar): write_index(entries, len(content))}
    return with_true_sums(files | changed)


def with_true_sums(files: Files) -> Files:
    """The manifest made to name the sizes and hashes of the tars and indices as they are."""
    try:
        table = json.loads(files[MANIFEST])
        shards = [shard for split in table["splits"].values() for shard in split["shards"]]
        for shard in shards:
            tar, index = files[shard["name"]], files[index_of(shard["name"])]
            shard["size"] = len(tar)
            shard["sha256"] = hashlib.sha256(tar).hexdigest()
            shard["index_sha256"] = hashlib.sha256(index).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return files  # there is no manifest left whose sums could be mended
    return files | {MANIFEST: (json.dumps(table, sort_keys=True, indent=1) + "\n").encode()}


def with_true_crcs(files: Files, tar: str) -> Files:
    """The tar's index made to name the tar's size and the crc of each span as it is."""
    content = files[tar]
    index = bytearray(files[index_of(tar)])
    index[16:24] = len(content).to_bytes(8, "little")
    count = int.from_bytes(index[12:16], "little")
    for n in range(min(count, (len(index) - 48) // 40)):
        at = 48 + 40 * n
        offset, span = (int.from_bytes(index[at + k : at + k + 8], "little") for k in (0, 8))
        index[at + 24 : at + 28] = zlib.crc32(content[offset : offset + span]).to_bytes(4, "little")
    return files | {index_of(tar): bytes(index)}
