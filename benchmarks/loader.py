"""Measures the whole loader, on one core: against a bare loop, and against other packages.

``python -m benchmarks.loader`` pins itself to one core, where a fetcher can only cost and not gain.
All ways have the same scenes, codec of records aside, and our transforms; peers are measured where
they are installed (extra ``peers``), each with one worker process.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from benchmarks.measure import Comparison, Report, Taken, interleaved, run, timed
from benchmarks.peers import peers_of, versions
from benchmarks.rooms import pack_rooms
from ppt_dist.launch.demo import CONFIGS
from ppt_dist.run import load_run
from ppt_dist.stream.era import steady
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.load import open_records
from ppt_dist.stream.plan import LotShape, Plan
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import Source, stream_of
from ppt_dist.stream.voxelise import Voxelise, scene_generator
from ppt_dist.train.sources import TRAIN

DOMAIN = "scannet"
WARM = 8
"""Scenes that are not counted: a new process has its memory and kernels only after some."""
BARE, ONE, NONE = "bare loop", "one fetcher", "in the process itself"


class Size(NamedTuple):
    """How much is loaded, how often."""

    rooms: int
    scenes: int
    """Of a trial, after those that are not counted."""
    rounds: int


def measure(size: Size) -> Report:
    """Load the same scenes in every way, all on the first core that this process may use."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with TemporaryDirectory() as name:
        folder = pack_rooms(Path(name) / DOMAIN, size.rooms)
        ways = {
            BARE: lambda _: _bare(folder),
            ONE: lambda stack: _stream(folder, 1, stack),
            NONE: lambda stack: _stream(folder, 0, stack),
            **peers_of(folder, voxelise(), Path(name)),
        }
        trials = {way: _trial(opened, size.scenes) for way, opened in ways.items()}
        taken = interleaved(trials, size.rounds)
        points = open_records(folder, TRAIN).points.mean()
    pace = "load", "scenes/s", lambda seconds: size.scenes / seconds
    conditions = {"rooms": size.rooms, "points of a room": f"{points:,.0f}", "cores": 1}
    return Report(conditions | versions(), [Comparison(*pace, BARE, taken)])


def voxelise() -> Voxelise:
    """The published indoor chain of ScanNet, grid and crop included."""
    run_file = load_run(CONFIGS / "ppt_sc_st_spunet_released.toml")
    use = run_file.domains[DOMAIN]
    augment = run_file.augment_of(DOMAIN)
    return Voxelise(use.grid or 0.02, run_file.model.channels, "unit", augment, use.crop)


def _trial(opened: Callable[[ExitStack], Iterator[object]], count: int) -> Callable[[], Taken]:
    """A loader of its own each time; what it takes to start is not counted."""

    def trial() -> Taken:
        with ExitStack() as stack:
            scenes = opened(stack)
            for _ in islice(scenes, WARM):
                pass
            before = _cpu_seconds()
            taken = timed(lambda: sum(1 for _ in islice(scenes, count)))
            return taken._replace(cpu=_cpu_seconds() - before)

    return trial


def _cpu_seconds() -> float:
    """Of this process and of those that live under it, which count here before they have ended."""
    this = psutil.Process()
    family = [this, *this.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))


def _plan(folder: Path) -> Plan:
    costs = {DOMAIN: open_records(folder, TRAIN).cost}
    return Plan(costs, steady({DOMAIN: 1}), LotShape(1, 1, 1, window=8), 0)


def _bare(folder: Path) -> Iterator[object]:
    """Reading, decoding and transforming the planned scenes, one after the other."""
    records, chain, plan = open_records(folder, TRAIN), voxelise(), _plan(folder)
    t = 0
    while True:
        ((unit,),) = plan.lot(t).units
        (slot,) = unit
        name = records.names[slot.scene]
        yield chain.train(records[slot.scene], scene_generator(0, DOMAIN, slot.epoch, name))
        t += 1


def _stream(folder: Path, processes: int, stack: ExitStack) -> Iterator[object]:
    """What a rank sees: batches of tensors."""
    source = {DOMAIN: Source(folder, 1, voxelise())}
    fetching = Fetching(processes, ahead=1, on_fault=print)
    stream = stream_of(_plan(folder), source, Rank(0, 1), fetching)
    stack.callback(stream.close)
    return stream.steps(0, 1 << 40)


if __name__ == "__main__":
    run(measure, full=Size(rooms=16, scenes=48, rounds=7), quick=Size(4, 4, 1))
