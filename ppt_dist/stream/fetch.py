"""`Fetchers`: loading processes that execute the plan and nothing else; a dead one is replaced."""

import multiprocessing
import os
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from ppt_dist.scene.mix import mixed
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.shard.records import Records
from ppt_dist.stream.plan import Slot, Unit
from ppt_dist.stream.voxelise import Voxelise, pair_generator, scene_generator

REPLACEMENTS = 3
"""Times in a row that fetchers may die before one piece of work is done."""


class Order(NamedTuple):
    """Scenes of one domain that are wanted together."""

    domain: str
    units: tuple[Unit, ...]


Load = Callable[[Order], list[VoxelScene]]
"""It is sent to the processes with every order."""


class Loader(NamedTuple):
    """How an order becomes voxels; small, so that it travels with every order."""

    folders: dict[str, Path]
    voxelise: dict[str, Voxelise]
    seed: int

    def __call__(self, order: Order) -> list[VoxelScene]:
        """The scenes, augmented; the same bytes in every process."""
        return [self._unit(order.domain, unit) for unit in order.units]

    def _unit(self, domain: str, unit: Unit) -> VoxelScene:
        """A scene, or two mixed into one."""
        scenes = [self._scene(domain, slot) for slot in unit]
        if len(scenes) == 1:
            return scenes[0]
        first, second = scenes
        names = [(slot.epoch, scene.name) for slot, scene in zip(unit, scenes, strict=True)]
        return mixed(first, second, pair_generator(self.seed, domain, names))

    def _scene(self, domain: str, slot: Slot) -> VoxelScene:
        records = open_records(self.folders[domain], "train")
        rng = scene_generator(self.seed, domain, slot.epoch, records.names[slot.scene])
        return self.voxelise[domain].train(records[slot.scene], rng)


@cache
def open_records(folder: Path, split: str) -> Records:
    """The records of a split, opened once a process."""
    return Records.open(folder, split)


class Fetchers:
    """Keeps ``ahead`` orders in the making and hands them out in order.

    With no process the work is done on demand in this one. A killed process is replaced and its
    orders are made again, with the same bytes, since they follow from the plan alone.
    """

    def __init__(
        self, load: Load, processes: int, ahead: int, on_fault: Callable[[str], object]
    ) -> None:
        self._load, self._processes, self._ahead = load, processes, ahead
        self._on_fault = on_fault
        self._pool: Executor | None = None

    def fetch(self, orders: Iterable[Order]) -> Iterator[list[VoxelScene]]:
        """The scenes of each order.

        Raises:
            BadInput: a record is damaged; names shard and key.
            RuntimeError: fetchers die again and again.
        """
        if not self._processes:
            yield from map(self._load, orders)
            return
        rest = iter(orders)
        waiting = deque(islice(rest, self._ahead))
        making = deque(self._submit(order) for order in waiting)
        while waiting:
            yield self._first(waiting, making)
            for order in islice(rest, 1):
                waiting.append(order)
                making.append(self._submit(order))

    def close(self) -> None:
        """End the processes; what they were making is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _first(
        self, waiting: deque[Order], making: deque[Future[list[VoxelScene]]]
    ) -> list[VoxelScene]:
        """The result of the oldest order, through deaths of fetchers."""
        for _ in range(REPLACEMENTS + 1):
            try:
                scenes = making[0].result()
            except BrokenProcessPool:
                self._on_fault("a fetcher died: replaced, its work is done again")
                self.close()
                again = [self._submit(order) for order in waiting]
                making.clear()
                making.extend(again)
            else:
                waiting.popleft()
                making.popleft()
                return scenes
        raise RuntimeError(
            f"fetchers died {REPLACEMENTS + 1} times over the same work, {waiting[0]}: see the "
            "system's log for the reason (memory?), or set engine.fetchers to 0 to load in the rank"
        )

    def _submit(self, order: Order) -> Future[list[VoxelScene]]:
        with _no_main_module():
            try:
                return self._live_pool().submit(self._load, order)
            except BrokenProcessPool:  # it died between two orders; `_first` replaces it
                failed: Future[list[VoxelScene]] = Future()
                failed.set_exception(BrokenProcessPool("died while idle"))
                return failed

    def _live_pool(self) -> Executor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes, multiprocessing.get_context("spawn"), initializer=_end_with_parent
            )
        return self._pool


def _end_with_parent() -> None:
    """Let this process end when its rank does, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Spawn without running the parent's script once more: in a Ray worker that is Ray's own."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
