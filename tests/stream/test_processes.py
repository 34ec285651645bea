"""The stream's bytes, whatever the timing and the kind of process that reads it."""

import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from ppt_dist.scene.augment import Jitter, Rotate
from ppt_dist.stream.fetch import Fetchers, Fetching
from ppt_dist.stream.load import Loaded, Loader, Order
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import Source, open_plan, open_stream
from ppt_dist.stream.voxelise import Voxelise
from tests.stream.kill import digest

VOXELISE = Voxelise(0.2, ("color", "normal"), "unit", (Rotate(), Jitter()), crop=200)
SHAPE = LotShape(scenes=3, micro=1, a_step=1, mix=0.3)
WEIGHTS = {"scannet": 2, "s3dis": 1}
STEPS = 9


def sources(packed):
    return {name: Source(packed / name, weight, VOXELISE) for name, weight in WEIGHTS.items()}


def steps(packed, processes):
    stream = open_stream(sources(packed), SHAPE, 0, Rank(0, 1), Fetching(processes, 1 << 20, print))
    try:
        return list(stream.steps(0, STEPS))
    finally:
        stream.close()


def digests(packed, processes):
    """Of every step."""
    return [digest(lots) for lots in steps(packed, processes)]


def loader_of(packed):
    places = {name: packed / name for name in WEIGHTS}
    return Loader(places, dict.fromkeys(WEIGHTS, VOXELISE), 0, {})


def orders_of(packed):
    plan = open_plan(sources(packed), SHAPE, 0)
    lots = chain.from_iterable(plan.step(step) for step in range(STEPS))
    return [Order(lot.domain, lot.units[0], lot.index) for lot in lots]


class Late(NamedTuple):
    """A loader that dawdles by chance, on either side of its work."""

    loader: Loader
    longest: float

    def __call__(self, order: Order) -> Loaded:
        dice = random.SystemRandom()
        time.sleep(dice.uniform(0, self.longest))
        loaded = self.loader(order)
        time.sleep(dice.uniform(0, self.longest))
        return loaded


def arrays(scenes):
    """What a model would see of voxel scenes."""
    return [
        (s.name, s.grid.tobytes(), s.feat.tobytes(), s.label.astype("<i2").tobytes())
        for s in scenes
    ]


def loaded_alone(packed, order):
    return arrays(loader_of(packed)(order).scenes)


@pytest.fixture(scope="module")
def calm(packed):
    return digests(packed, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "ahead"), [(1, 1), (3, 1), (2, 1 << 24)])
def test_delays_by_chance_change_no_byte_and_no_order(packed, processes, ahead):
    orders, loader = orders_of(packed), loader_of(packed)
    fetchers = Fetchers(Late(loader, 0.03), Fetching(processes, ahead, print))
    parcels = list(fetchers.fetch(orders))
    fetchers.close()
    for order, parcel in zip(orders, parcels, strict=True):
        scenes = loader(order).scenes
        assert parcel.bill.names == tuple(scene.name for scene in scenes)
        assert parcel.feat.tobytes() == b"".join(scene.feat.tobytes() for scene in scenes)
        assert parcel.grid.tobytes() == b"".join(scene.grid.tobytes() for scene in scenes)


@pytest.mark.slow
def test_scenes_that_are_augmented_in_another_order_and_process_have_the_same_bytes(packed):
    orders = orders_of(packed)
    here = [loaded_alone(packed, order) for order in orders]
    turn = list(range(len(orders)))
    random.Random(5).shuffle(turn)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        there = dict(
            zip(
                turn,
                pool.map(loaded_alone, [packed] * len(turn), [orders[i] for i in turn]),
                strict=True,
            )
        )
    assert [there[i] for i in range(len(orders))] == here


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("processes", [0, 1])
def test_a_process_of_any_kind_reads_the_same_stream(packed, calm, method, processes):
    pipe, its = Pipe()
    rank = get_context(method).Process(target=send_digests, args=(its, packed, processes))
    rank.start()
    its.close()
    assert pipe.recv() == calm
    rank.join()
    assert rank.exitcode == 0


def send_digests(pipe, packed, processes):
    pipe.send(digests(packed, processes))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="only Linux tells its maps")
def test_a_killed_rank_leaves_no_process_and_no_shared_memory(packed, tmp_path):
    note = tmp_path / "note"
    command = [sys.executable, "-m", "tests.stream.kill", packed, note, "2"]
    rank = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)
    while rank.poll() is None and not (note.exists() and note.read_bytes().count(b"\n") > 3):
        time.sleep(0.01)
    children = psutil.Process(rank.pid).children(recursive=True)
    assert len(children) >= 2
    maps = [Path(f"/proc/{p.pid}/maps").read_text() for p in (psutil.Process(rank.pid), *children)]
    rank.kill()
    rank.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert [line for line in "".join(maps).splitlines() if "/dev/shm/" in line] == []
    assert any("/memfd:parcel" in text for text in maps)


def test_batches_of_one_domain_come_as_often_as_weights_say(packed):
    period = sum(WEIGHTS.values())
    counted = Counter(lot.domain for lots in steps(packed, 0) for lot in lots)
    assert counted == {name: weight * STEPS // period for name, weight in WEIGHTS.items()}
    for lots in steps(packed, 0):
        assert all(batch.domain == lot.domain for lot in lots for batch in lot.micro)
