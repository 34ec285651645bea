"""Measures reading from a store: records a second by ranges, whole tars, cache and local folder."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.inputs import make_shards
from benchmarks.measure import Comparison, Report, Taken, Trial, interleaved, run, timed
from ppt_dist.shard.access import PLAIN, Access
from ppt_dist.shard.cache import CacheConfig
from ppt_dist.shard.place import Place, Url
from ppt_dist.shard.records import Records
from ppt_dist.train.sources import TRAIN

DOMAIN, LATENCY = "s3dis", 0.05
"""Seconds until the server answers a GET: less than what clouds promise."""


class Size(NamedTuple):
    """How much is read, how often."""

    scenes: int
    rounds: int


class _Slow(BaseHTTPRequestHandler):
    """Gives ranges of files below a folder, each after `LATENCY`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, folder: Path, *args) -> None:  # noqa: ANN002 - the server's own
        self._folder = folder
        super().__init__(*args)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_HEAD(self) -> None:
        """Size alone."""
        self._head(200, (self._folder / self.path.lstrip("/")).stat().st_size)

    def do_GET(self) -> None:
        """All bytes, or a range."""
        time.sleep(LATENCY)
        content = (self._folder / self.path.lstrip("/")).read_bytes()
        asked = self.headers.get("Range")
        if asked is None:
            self._head(200, len(content))
            self.wfile.write(content)
            return
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        where = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        self._head(206, len(part), where)
        self.wfile.write(part)

    def _head(self, status: int, length: int, where: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if where:
            self.send_header("Content-Range", where)
        self.end_headers()


def _serve(folder: Path, port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Slow, folder))
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def _served(folder: Path) -> Iterator[Url]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(folder, theirs), daemon=True)
    process.start()
    yield Url(f"http://127.0.0.1:{ours.recv()}")
    process.terminate()
    process.join()


def measure(size: Size) -> Report:
    """Read the same checked records in several ways, from a server on this machine."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shards = make_shards(folder, size.scenes, (DOMAIN,))
        with _served(shards) as url:
            return _compared(shards / DOMAIN, url / DOMAIN, folder, size)


def _compared(near: Path, far: Url, folder: Path, size: Size) -> Report:
    local = Records.open(near, TRAIN)
    warm = Access(cache=CacheConfig(folder=folder / "warm", mib=4096))
    numbers = range(len(local))
    kept = Records.open(far, TRAIN, warm)
    kept.read_many(numbers)

    def fresh(place: Place, access: Access) -> Records:
        """Opened again, so that nothing of a cache is left from the round before."""
        if access.cache:
            for path in access.cache.folder.glob("[!.]*"):
                path.unlink()
        return Records.open(place, TRAIN, access)

    cold = Access(cache=CacheConfig(folder=folder / "cold", mib=4096))
    whole = Access(cache=CacheConfig(folder=folder / "whole", mib=4096), reading="whole")
    ways: dict[str, tuple[Callable[[], Records], Callable[[Records], object]]] = {
        "ranges, one by one": (
            lambda: fresh(far, PLAIN),
            lambda r: [r.checked(i) for i in numbers],
        ),
        "ranges, read_many": (lambda: fresh(far, PLAIN), lambda r: r.read_many(numbers)),
        "the same, into a cache": (lambda: fresh(far, cold), lambda r: r.read_many(numbers)),
        "whole, into a cache": (lambda: fresh(far, whole), lambda r: r.read_many(numbers)),
        "from the cache": (lambda: kept, lambda r: r.read_many(numbers)),
        "local folder": (lambda: local, lambda r: r.read_many(numbers)),
    }

    def trial(opened: Callable[[], Records], read: Callable[[Records], object]) -> Trial:
        def once() -> Taken:
            records = opened()
            return timed(lambda: read(records))

        return once

    taken = interleaved({way: trial(*parts) for way, parts in ways.items()}, size.rounds)
    count, title = len(local), f"records of {DOMAIN}, checked, not decoded"
    spans = sum(len(local.read(i)) for i in numbers)
    conditions = {"records": count, "mean bytes": spans // count, "latency, s": LATENCY}
    compared = Comparison(title, "records/s", lambda s: count / s, "ranges, one by one", taken)
    return Report(conditions, [compared])


if __name__ == "__main__":
    run(measure, full=Size(scenes=24, rounds=7), quick=Size(3, 1))
