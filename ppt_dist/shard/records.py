"""`Records`: the scenes of a packed split by number, wherever its tars lie."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Int64

from ppt_dist.journal.retry import Tell, silent
from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.access import PLAIN, Access, open_source
from ppt_dist.shard.cache import UNKNOWN, Future
from ppt_dist.shard.codec import decode
from ppt_dist.shard.exclusions import kept
from ppt_dist.shard.index import read_index
from ppt_dist.shard.manifest import Manifest, Shard, Split, read_manifest
from ppt_dist.shard.member import Content, members_of
from ppt_dist.shard.place import Place
from ppt_dist.shard.source import RecordsOf, Source, Where
from ppt_dist.shard.store import Store, open_store


class Records:
    """Random access to a split, in the order of its shards. Tars are opened when first read."""

    def __init__(self, split: RecordsOf, manifest: Manifest, store: Store, source: Source) -> None:
        entries = [where.entry for where in split.records]
        self.folder = split.place
        self.manifest = manifest
        self.digest = split.manifest_digest
        """Of the manifest."""
        self.fields = manifest.fields_in(split.name)
        """How the arrays of its records are stored."""
        self.names = tuple(entry.key for entry in entries)
        self.cost: Int64[np.ndarray, " scenes"] = np.array([e.cost for e in entries], np.int64)
        self.points: Int64[np.ndarray, " scenes"] = np.array([e.points for e in entries], np.int64)
        self.crc32 = tuple(entry.crc32 for entry in entries)
        """Of the bytes of each record."""
        self._split = split
        self._store, self._source = store, source
        self._threads: ThreadPoolExecutor | None = None
        self._process = 0
        """That of the threads: a fork has none of them."""

    @staticmethod
    def open(place: Place, split: str, access: Access = PLAIN, tell: Tell = silent) -> "Records":
        """The records of a split.

        Args:
            place: holds the manifest.
            split: one of the manifest's.
            access: how they are read; no byte depends on it.
            tell: is told of each repetition, in whatever thread it happens. It travels with the
                records to other processes.

        Raises:
            BadInput: there is no such split, or the manifest does not match its tars.
            Unreachable: the place could not be read in all repetitions.
        """
        manifest = read_manifest(place, access.retries, tell)
        if split not in manifest.splits:
            raise BadInput(f"{place} has no split {split!r}: {nearest(split, [*manifest.splits])}")
        store = open_store(place, access.retries, tell)
        shards = manifest.splits[split].shards
        listed = partial(_listed, place, store, manifest.splits[split])
        entries = chain.from_iterable(_each(listed, shards, store.at_once))
        records = RecordsOf(place, manifest.digest(), split, tuple(entries))
        return Records(records, manifest, store, open_source(records, store, access, tell))

    def __len__(self) -> int:
        return len(self._split.records)

    def __getitem__(self, i: int) -> Scene:
        """Scene ``i``; raises as `checked` does."""
        return self.decode(i, self.checked(i))

    def seal(self, i: int) -> int:
        """The checksum that the bytes of record ``i`` are held against when they are read."""
        return self._split.records[i][1].crc32

    def __getstate__(self) -> dict[str, Any]:
        """Threads stay behind."""
        return self.__dict__ | {"_threads": None}

    def read(self, i: int) -> Content:
        """Bytes of record ``i`` from its place, unchecked."""
        shard, entry = self._split.records[i]
        return self._store.read_range(shard, entry.offset, entry.span)

    def checked(self, i: int, future: Future = UNKNOWN) -> Content:
        """Bytes of record ``i``, as they were packed.

        Args:
            i: number of the record.
            future: by which a full cache chooses what to forget.

        Raises:
            DamagedRecord: they are not, even when read once more; names shard and key.
            Unreachable: the place could not be read in all repetitions.
        """
        return self._source.read(i, future)

    def begin(
        self, indices: Sequence[int], future: Future = UNKNOWN
    ) -> list[Callable[[], Content]]:
        """Start to read records; each function waits for one and gives, or raises, as `checked`.

        Records of a local folder are read when they are asked for, and the system is told before.
        """
        self._source.expect(indices)
        if self._source.at_once == 1:
            return [partial(self.checked, i, future) for i in indices]
        if self._threads is None or self._process != os.getpid():
            self._threads = ThreadPoolExecutor(self._source.at_once, "read")
            self._process = os.getpid()
        return [self._threads.submit(self.checked, i, future).result for i in indices]

    def read_many(self, indices: Sequence[int], future: Future = UNKNOWN) -> list[Content]:
        """Bytes of records, several on their way at once; raises as `checked`."""
        return [wait() for wait in self.begin(indices, future)]

    def decode(self, i: int, content: Content) -> Scene:
        """The scene in the bytes of record ``i``; `DamagedRecord` where there is none."""
        try:
            return decode(members_of(content, self._split.records[i].entry.key), self.fields)
        except BadInput as error:
            raise self._split.damaged(i, error, content) from None


def _listed(place: Place, store: Store, split: Split, shard: Shard) -> list[Where]:
    """The records of a shard whose tar is the manifest's, as far as its size tells."""
    try:
        size = store.size(shard.name)
    except FileNotFoundError:
        size = -1
    if size != shard.size:
        found = f"has {size} bytes" if size >= 0 else "is not there"
        raise BadInput(
            f"{place / shard.name} {found}, but the manifest says {shard.size}: pack the domain "
            "again, or bring back the tar that belongs to this manifest"
        )
    name = f"{shard.name.removesuffix('.tar')}.idx"
    try:
        entries = read_index(store.read, name, size, shard.index_sha256)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from None
    return [Where(shard.name, entry) for entry in kept(entries, shard.name, split)]


def _each(
    listed: Callable[[Shard], list[Where]], shards: Sequence[Shard], at_once: int
) -> list[list[Where]]:
    """The records of each shard, asking for several shards at once where that is faster."""
    if at_once == 1:
        return [listed(shard) for shard in shards]
    with ThreadPoolExecutor(at_once, "open") as threads:
        return list(threads.map(listed, shards))
