"""`NodeCache`: records kept in a folder of this machine, in a limit that holds at every instant.

All processes of the machine share it, those of other runs too. Whatever changes the list of files
happens under the lock of ``.lock``, which also holds the bytes in use; the kernel lets go of it
when its process ends. A file is made aside at its full size, under a lock of its own that tells
that its writer lives, and gets its name when it is whole. It is not synced: after a power cut it
may be torn, but whoever reads a record compares its crc32, and reads it from its place again.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import PositiveInt

from ppt_dist.journal.durable import aside_of
from ppt_dist.section import Section
from ppt_dist.shard.member import Content
from ppt_dist.shard.span import read_span

LOCK = ".lock"
WRITING = ".writing"
KEPT = 0.9
"""Part of the limit that an eviction leaves."""
_DIGEST, _WIDTH = 16, 20


class CacheConfig(Section):
    """A folder for records of places that are not local."""

    folder: Path
    """On a disk of the machine; all its processes may share it."""
    mib: PositiveInt
    """Most bytes in it, what is being written included, MiB."""

    def open(self) -> "NodeCache":
        """The cache; the folder is made when something is kept."""
        return NodeCache(self.folder, self.mib << 20)


class Future(NamedTuple):
    """When records are wanted next, as far as a run knows."""

    split: str
    domains: dict[str, str]
    """Domains of the run, by `digest_of` their manifests."""
    next_use: Callable[[str, int], int | None]
    """The next lot with a scene of a domain; None where none is known."""

    def lot_of(self, name: str) -> int | None:
        """The next lot with the record of a file; None where none is known."""
        stem, _, number = name.rpartition("-")
        domain = self.domains.get(stem[:_DIGEST])
        if domain is None or stem[_DIGEST + 1 :] != self.split or not number.isdigit():
            return None
        return self.next_use(domain, int(number))


UNKNOWN = Future("", {}, lambda _domain, _scene: None)
"""Nothing is known of the lots to come."""


def digest_of(manifest_digest: str) -> str:
    """The part of a manifest's digest that names of files hold."""
    return manifest_digest[:_DIGEST]


def file_name(manifest_digest: str, split: str, record: int) -> str:
    """The file of a record."""
    return f"{digest_of(manifest_digest)}-{split}-{record}"


class _Kept(NamedTuple):
    """A file of the cache."""

    name: str
    size: int
    used: int
    """Time of its last use."""


class NodeCache(NamedTuple):
    """Files by name, in ``limit`` bytes. Raises `OSError` where the folder cannot be written."""

    folder: Path
    limit: int

    def get(self, name: str) -> Content | None:
        """What is kept under a name; perhaps torn, so compare it."""
        try:
            with (self.folder / name).open("rb") as file:
                os.utime(file.fileno())
                return read_span(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            return None

    def put(self, name: str, content: Content, future: Future = UNKNOWN) -> None:
        """Keep ``content``, where the limit allows; files without a near use make room."""
        if len(content) > self.limit or (self.folder / name).exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = aside_of(self.folder / name)
        file = self._reserve(aside, len(content), future)
        if file is None:
            return
        with open(file, "wb") as writer:  # noqa: PTH123 - by its number
            try:
                writer.write(content)
                writer.flush()
            except OSError:
                self._give_up(aside, len(content))
                raise
            self._name(aside, name, len(content))

    def drop(self, name: str) -> None:
        """Forget a file that is torn."""
        with self._locked() as lock:
            path = self.folder / name
            if path.exists():
                size = path.stat().st_size
                path.unlink()
                self._note(lock, self._used(lock) - size)

    def _reserve(self, aside: Path, size: int, future: Future) -> int | None:
        """A locked file of ``size`` bytes; None where others being written fill the limit."""
        with self._locked() as lock:
            used = self._used(lock)
            if used + size > self.limit:
                used = self._evict(max(0, int(KEPT * self.limit) - size), future)
                self._note(lock, used)
            if used + size > self.limit:
                return None
            self._note(lock, used + size)  # first: who dies here leaves a sum that is too high
            file = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
            fcntl.flock(file, fcntl.LOCK_EX)
            os.ftruncate(file, size)
            return file

    def _name(self, aside: Path, name: str, size: int) -> None:
        """Give a whole file its name, or drop it where another process was faster."""
        with self._locked():
            if not (self.folder / name).exists():
                aside.rename(self.folder / name)
                return
        self._give_up(aside, size)

    def _give_up(self, aside: Path, size: int) -> None:
        """Take back what was reserved."""
        with self._locked() as lock:
            aside.unlink()
            self._note(lock, self._used(lock) - size)

    def _evict(self, most: int, future: Future) -> int:
        """Remove files until at most ``most`` bytes are used; returns those that are.

        Those of no known use go first, the longest unused of them foremost, then those whose use
        is farthest (Belady's rule). What a dead process was writing goes too.
        """
        used, kept = 0, []
        for path in self.folder.iterdir():
            if path.name.endswith(WRITING):
                used += 0 if _abandoned(path) else path.stat().st_size
            elif path.name[0] != ".":
                stat = path.stat()
                kept.append(_Kept(path.name, stat.st_size, stat.st_mtime_ns))
        used += sum(file.size for file in kept)
        for file in sorted(kept, key=lambda file: _rank(file, future.lot_of(file.name))):
            if used <= most:
                break
            (self.folder / file.name).unlink()
            used -= file.size
        return used

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file that holds the bytes in use, for this process alone."""
        lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock
        finally:
            os.close(lock)

    def _used(self, lock: int) -> int:
        """Bytes in use; where the note is none, the limit, so that they are counted again."""
        note = os.pread(lock, _WIDTH, 0)
        return int(note) if len(note) == _WIDTH and note.isdigit() else self.limit

    @staticmethod
    def _note(lock: int, used: int) -> None:
        os.pwrite(lock, b"%0*d" % (_WIDTH, max(0, used)), 0)


def _rank(file: _Kept, lot: int | None) -> tuple[bool, int, int]:
    """Order of eviction."""
    return (lot is not None, -(lot or 0), file.used)


def _abandoned(path: Path) -> bool:
    """Whether the writer of a file is gone; then it is removed."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    path.unlink()
    return True
