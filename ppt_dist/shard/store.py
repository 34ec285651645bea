"""`Store`: files of one place by name and range, read patiently."""

import errno
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from ppt_dist.journal.objects import Limits, Objects
from ppt_dist.journal.retry import Retries, Tell, Transient, attempt, silent
from ppt_dist.shard.member import Content
from ppt_dist.shard.place import Place
from ppt_dist.shard.span import read_span

Result = TypeVar("Result")
PATIENT = Retries()
AT_ONCE = 8
"""Requests to an object store that one process has under way."""
_FLEETING = {errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EAGAIN}


@runtime_checkable
class Store(Protocol):
    """Reads files of a place.

    Every method raises `FileNotFoundError` where there is no such file, and `Unreachable` for what
    failed in every repetition.
    """

    @property
    def at_once(self) -> int:
        """Reads that are worth having under way together."""
        ...

    def size(self, name: str) -> int:
        """Bytes of a file."""
        ...

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        ...

    def read_range(self, name: str, offset: int, span: int) -> Content:
        """Bytes from ``offset``; fewer than ``span`` only where the file ends before."""
        ...

    def expect(self, name: str, offset: int, span: int) -> None:
        """Be told that this range will be read soon."""
        ...


class _File:
    """A file that is open until nobody refers to it."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.number)


class Folder:
    """Files of a folder, opened when first read, with one ``pread`` a range."""

    at_once = 1

    def __init__(self, path: Path, retries: Retries = PATIENT, tell: Tell = silent) -> None:
        self._path, self._retries, self._tell = path, retries, tell
        self._files: dict[str, _File] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Open files stay behind: their numbers mean nothing in another process."""
        return self.__dict__ | {"_files": {}}

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self._patiently(name, lambda: (self._path / name).stat().st_size)

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return self._patiently(name, (self._path / name).read_bytes)

    def read_range(self, name: str, offset: int, span: int) -> Content:
        """Bytes from ``offset``; fewer than ``span`` only where the file ends before."""
        return self._patiently(name, lambda: self._pread(name, offset, span))

    def expect(self, name: str, offset: int, span: int) -> None:
        """Let the system read the range ahead."""
        file = self._patiently(name, lambda: self._open(name))
        os.posix_fadvise(file.number, offset, span, os.POSIX_FADV_WILLNEED)

    def _patiently(self, name: str, call: Callable[[], Result]) -> Result:
        def once() -> Result:
            try:
                return call()
            except OSError as error:
                if error.errno not in _FLEETING:
                    raise
                # A stale handle never recovers. Whoever still reads by it keeps it open.
                self._files.pop(name, None)
                raise Transient(f"{self._path / name}: {error.strerror}") from None

        return attempt(once, self._retries, self._tell)

    def _pread(self, name: str, offset: int, span: int) -> Content:
        file = self._open(name)
        return read_span(file.number, offset, span)

    def _open(self, name: str) -> _File:
        """The file; threads that open it at once share one."""
        return self._files.get(name) or self._files.setdefault(name, _File(self._path / name))


class Bucket(NamedTuple):
    """Objects below a URL."""

    objects: Objects
    retries: Retries
    tell: Tell
    at_once: int = AT_ONCE

    def size(self, name: str) -> int:
        """Bytes of an object."""
        return attempt(lambda: self.objects.size(name), self.retries, self.tell)

    def read(self, name: str) -> bytes:
        """All bytes of an object."""
        return attempt(lambda: self.objects.read(name), self.retries, self.tell)

    def read_range(self, name: str, offset: int, span: int) -> Content:
        """Bytes from ``offset``; fewer than ``span`` only where the object ends before."""
        return attempt(lambda: self.objects.read_range(name, offset, span), self.retries, self.tell)

    def expect(self, name: str, offset: int, span: int) -> None:
        """Nothing: the reads are under way together."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """An object from start to end, once: `Transient` where it breaks off."""
        return self.objects.chunks(name)


def open_store(place: Place, retries: Retries = PATIENT, tell: Tell = silent) -> Folder | Bucket:
    """The store of a place; nothing is asked of it yet."""
    if isinstance(place, Path):
        return Folder(place, retries, tell)
    limits = Limits(silence=retries.timeout, whole=retries.deadline)
    return Bucket(Objects(place.text, limits), retries, tell)
