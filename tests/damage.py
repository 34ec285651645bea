"""Packed domains with records that are not as they were packed."""

import shutil
from pathlib import Path

from ppt_dist.shard.index import read_index
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.store import Folder


def copy_damaged(packed: Path, to: Path, domain: str, scenes: int) -> tuple[Path, list[str]]:
    """A copy of a domain with a flipped bit in some training records; their keys."""
    folder = to / domain
    shutil.copytree(packed / domain, folder)
    return folder, damage(folder, scenes)


def damage(folder: Path, scenes: int) -> list[str]:
    """Flip a bit in the first training records; returns their keys."""
    shard = read_manifest(folder).splits["train"].shards[0]
    tar = folder / shard.name
    entries = read_index(Folder(folder).read, f"{tar.stem}.idx", shard.size, shard.index_sha256)[
        :scenes
    ]
    content = bytearray(tar.read_bytes())
    for entry in entries:
        content[entry.offset + entry.span // 2] ^= 1
    tar.write_bytes(content)
    return [entry.key for entry in entries]
