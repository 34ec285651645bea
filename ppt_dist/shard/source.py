"""`Source`: records of a split by number, checked, from their place or from the node's cache."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ppt_dist.journal.retry import Tell
from ppt_dist.shard.cache import Future, NodeCache, file_name
from ppt_dist.shard.checksum import crc32
from ppt_dist.shard.damage import DamagedRecord
from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.member import Content
from ppt_dist.shard.place import Place
from ppt_dist.shard.store import Store

EMPTY: Content = b""


class Where(NamedTuple):
    """A record in its tar."""

    shard: str
    """The tar's file name."""
    entry: IndexEntry


class RecordsOf(NamedTuple):
    """The records of one split of a packed domain."""

    place: Place
    manifest_digest: str
    name: str
    records: Sequence[Where]

    def file_name(self, i: int) -> str:
        """The file of record ``i`` in a node's cache."""
        return file_name(self.manifest_digest, self.name, i)

    def damaged(self, i: int, reason: object, content: Content | None) -> DamagedRecord:
        """The damage of record ``i`` that ``content`` shows; None where nothing came."""
        shard, entry = self.records[i]
        found = None if content is None else crc32(content)
        return DamagedRecord(f"{self.place / shard}", entry.key, str(reason), found)


@runtime_checkable
class Source(Protocol):
    """Gives records."""

    @property
    def at_once(self) -> int:
        """Records that are worth having under way together, on a thread each."""
        ...

    def read(self, i: int, future: Future) -> Content:
        """Bytes of record ``i``, as they were packed.

        Raises:
            DamagedRecord: they are not, even when read once more.
            Unreachable: the place could not be read in all repetitions.
        """
        ...

    def expect(self, indices: Sequence[int]) -> None:
        """Be told that these records will be read soon."""
        ...


class Direct:
    """Each record by its range."""

    def __init__(self, split: RecordsOf, store: Store) -> None:
        self._split, self._store = split, store
        self.at_once = store.at_once

    def read(self, i: int, future: Future) -> Content:  # noqa: ARG002 - nothing is kept
        """Bytes of record ``i``, read a second time where they are wrong."""
        shard, entry = self._split.records[i]
        content = EMPTY
        for _ in range(2):
            try:
                content = self._store.read_range(shard, entry.offset, entry.span)
            except FileNotFoundError:
                raise self._split.damaged(i, "its tar is not there", None) from None
            if entry.holds(content):
                return content
        raise self._split.damaged(i, entry.fault(content), content)

    def expect(self, indices: Sequence[int]) -> None:
        """Pass it on."""
        for i in indices:
            shard, entry = self._split.records[i]
            self._store.expect(shard, entry.offset, entry.span)


class Shelf:
    """Records of a split in the node's cache; a cache that fails is told of, and left alone."""

    def __init__(self, split: RecordsOf, cache: NodeCache, tell: Tell) -> None:
        self._split, self._tell = split, tell
        self._cache: NodeCache | None = cache

    def get(self, i: int) -> Content | None:
        """Record ``i`` where it is kept whole."""
        cache, name = self._cache, self._split.file_name(i)
        if cache is None:
            return None
        try:
            content = cache.get(name)
            if content is None or self._split.records[i].entry.holds(content):
                return content
            cache.drop(name)
        except OSError as error:
            self._leave(cache, error)
        return None

    def put(self, i: int, content: Content, future: Future) -> None:
        """Keep record ``i``."""
        cache = self._cache
        if cache is None:
            return
        try:
            cache.put(self._split.file_name(i), content, future)
        except OSError as error:
            self._leave(cache, error)

    def _leave(self, cache: NodeCache, error: OSError) -> None:
        self._tell(f"the cache {cache.folder} fails ({error}): this process reads without it")
        self._cache = None


class Kept:
    """Records from the cache, else from another source."""

    def __init__(self, split: RecordsOf, shelf: Shelf, source: Source) -> None:
        self._split, self._shelf, self._source = split, shelf, source
        self.at_once = source.at_once

    def read(self, i: int, future: Future) -> Content:
        """Bytes of record ``i``, from then on in the cache."""
        content = self._shelf.get(i)
        if content is None:
            content = self._source.read(i, future)
            self._shelf.put(i, content, future)
        return content

    def expect(self, indices: Sequence[int]) -> None:
        """Nothing: what is cached need not be read."""
