"""`Spread`: who does pieces of work: this process, several, or a cluster; no byte depends on it."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Protocol, TypeVar, runtime_checkable

from ppt_dist.section import BadInput

Piece = TypeVar("Piece")
Result = TypeVar("Result")


@runtime_checkable
class Spread(Protocol):
    """Does the work on every piece."""

    def __call__(
        self, work: Callable[[Piece], Result], pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, Result]]:
        """Each piece with its result, in the order in which they are done.

        ``work`` can be imported by its name, and doing it twice does no harm; what it raises is
        raised here, and the rest is left undone.
        """
        ...


def here(
    work: Callable[[Piece], Result], pieces: Sequence[Piece]
) -> Iterator[tuple[Piece, Result]]:
    """In this process, one after the other."""
    return ((piece, work(piece)) for piece in pieces)


def processes(count: int) -> Spread:
    """On ``count`` processes of this machine."""
    return here if count == 1 else _Processes(count)


class _Processes:
    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(
        self, work: Callable[[Piece], Result], pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, Result]]:
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self._count, spawn, initializer=end_with_parent)
        try:
            making = {pool.submit(work, piece): piece for piece in pieces}
            for future in as_completed(making):
                yield making[future], future.result()
        except BrokenProcessPool:
            raise BadInput(
                "a process was killed (for its memory?): run the same command again, what is done "
                "stays done; with fewer --workers it needs less memory"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: wait([sentinel]) and os._exit(0), daemon=True).start()
