"""`Records`: the scenes of a packed split by number, read with one `pread` each."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.codec import decode
from ppt_dist.shard.exclusions import kept
from ppt_dist.shard.index import IndexEntry, read_index
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.shard.member import Content, members_of
from ppt_dist.shard.span import read_span


class Records:
    """Random access to a split, in the order of its shards. Tars are opened when first read."""

    def __init__(
        self, folder: Path, manifest: Manifest, split: str, entries: list[tuple[Path, IndexEntry]]
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.names = tuple(entry.key for _, entry in entries)
        self.cost: Int64[np.ndarray, " scenes"] = np.array([e.cost for _, e in entries], np.int64)
        self.points: Int64[np.ndarray, " scenes"] = np.array(
            [e.points for _, e in entries], np.int64
        )
        self.crc32 = tuple(entry.crc32 for _, entry in entries)
        """Of the bytes of each record."""
        self.fields = manifest.fields_in(split)
        """How the arrays of its records are stored."""
        self._entries = entries
        self._files: dict[Path, int] = {}

    @staticmethod
    def open(folder: Path, split: str) -> "Records":
        """The records of a split.

        Raises:
            BadInput: there is no such split, or the manifest does not match its tars.
        """
        manifest = read_manifest(folder)
        if split not in manifest.splits:
            raise BadInput(f"{folder} has no split {split!r}: {nearest(split, [*manifest.splits])}")
        entries = []
        for shard in manifest.splits[split].shards:
            path = folder / shard.name
            size = path.stat().st_size if path.is_file() else -1
            if size != shard.size:
                found = f"has {size} bytes" if size >= 0 else "is not there"
                raise BadInput(
                    f"{path} {found}, but the manifest says {shard.size}: pack the domain again, "
                    "or bring back the tar that belongs to this manifest"
                )
            listed = read_index(path.with_suffix(".idx"), size, shard.index_sha256)
            entries += [(path, entry) for entry in kept(listed, shard.name, manifest.splits[split])]
        return Records(folder, manifest, split, entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, i: int) -> Scene:
        """Scene ``i``; `BadInput` naming shard and key where its bytes are not as packed."""
        path, entry = self._entries[i]
        try:
            content = self.read(i)
            entry.check(content)
            return decode(members_of(content, entry.key), self.fields)
        except BadInput as error:
            raise BadInput(f"{path}, record {entry.key}: {error}") from None

    def seal(self, i: int) -> int:
        """The checksum that the bytes of record ``i`` are held against when they are read."""
        return self._entries[i][1].crc32

    def __getstate__(self) -> dict[str, Any]:
        """Open files stay behind: their numbers mean nothing in another process."""
        return self.__dict__ | {"_files": {}}

    def read(self, i: int) -> Content:
        """Bytes of record ``i``, unchecked."""
        path, entry = self._entries[i]
        if path not in self._files:
            self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return read_span(self._files[path], entry.offset, entry.span)
