"""`Whole`: a source for stores without byte ranges: tars from start to end, into the cache."""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ppt_dist.journal.retry import attempt
from ppt_dist.shard.cache import Future
from ppt_dist.shard.index import IndexEntry
from ppt_dist.shard.member import Content
from ppt_dist.shard.source import EMPTY, RecordsOf, Shelf
from ppt_dist.shard.store import Bucket


class Whole:
    """Streams the tar of a record that is not kept, and keeps all its records.

    One process of the machine streams a tar at a time; those that wait for it find its records
    kept. A cache that is too small for a tar costs time and changes no byte.
    """

    at_once = 1

    def __init__(self, split: RecordsOf, shelf: Shelf, bucket: Bucket, locks: Path) -> None:
        self._split, self._shelf, self._bucket = split, shelf, bucket
        self._locks = locks

    def read(self, i: int, future: Future) -> Content:
        """Bytes of record ``i``, streamed a second time where they are wrong."""
        content = self._shelf.get(i)
        if content is not None:
            return content
        shard, entry = self._split.records[i]
        with self._alone(shard):
            content = self._shelf.get(i)
            if content is None:
                content = self._stream(shard, i, future)
            if not entry.holds(content):
                content = self._stream(shard, i, future)
        if not entry.holds(content):
            raise self._split.damaged(i, entry.fault(content), content)
        return content

    def expect(self, indices: Sequence[int]) -> None:
        """Nothing: a tar comes whole."""

    def _stream(self, shard: str, wanted: int, future: Future) -> Content:
        """Bytes of one record; those of the others are kept on the way."""
        numbers = self._numbers[shard]
        entries = [self._split.records[i].entry for i in numbers]

        def once() -> Content:
            found = EMPTY
            pieces = cut(self._bucket.chunks(shard), entries)
            for i, entry, content in zip(numbers, entries, pieces, strict=True):
                if entry.holds(content):
                    self._shelf.put(i, content, future)
                if i == wanted:
                    found = content
            return found

        try:
            return attempt(once, self._bucket.retries, self._bucket.tell)
        except FileNotFoundError:
            raise self._split.damaged(wanted, "its tar is not there", None) from None

    @cached_property
    def _numbers(self) -> dict[str, list[int]]:
        """Records of each tar, in its order."""
        found: dict[str, list[int]] = {}
        for i, (shard, _) in enumerate(self._split.records):
            found.setdefault(shard, []).append(i)
        return found

    @contextmanager
    def _alone(self, shard: str) -> Iterator[None]:
        """For this process alone, until it ends."""
        self._locks.mkdir(parents=True, exist_ok=True)
        name = f".{self._split.file_name(0)}-{shard}.lock"
        lock = os.open(self._locks / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def cut(chunks: Iterable[bytes], entries: Sequence[IndexEntry]) -> Iterator[bytearray]:
    """The span of each entry in a tar that comes in chunks; shorter where the tar ends before.

    The entries stand in the tar's order; what lies between and behind them is read and dropped.
    """
    rest, at, source = bytearray(), 0, iter(chunks)
    for entry in entries:
        end = entry.offset + entry.span
        while at + len(rest) < end:
            chunk = next(source, None)
            if chunk is None:
                break
            rest += chunk
        yield rest[entry.offset - at : end - at]
        del rest[: end - at]
        at = end
    for _ in source:
        pass
