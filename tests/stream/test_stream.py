"""The stream: the plan's bytes, whoever fetches them and however many ranks share them."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from ppt_dist.scene.augment import Rotate
from ppt_dist.section import BadInput
from ppt_dist.stream.fetch import REPLACEMENTS, Fetchers, Fetching
from ppt_dist.stream.load import Loaded, Order
from ppt_dist.stream.plan import LotShape, Slot
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import Source, open_stream
from ppt_dist.stream.voxelise import Voxelise

SHAPE = LotShape(scenes=3, micro=1, a_step=2)
ALONE = Rank(0, 1)
WEIGHTS = {"scannet": 2, "s3dis": 1}


def sources(packed):
    voxelise = Voxelise(0.2, ("color", "normal"), "unit", (Rotate(),), crop=200)
    return {name: Source(packed / name, weight, voxelise) for name, weight in WEIGHTS.items()}


def steps(packed, start=0, rank=ALONE, processes=0):
    """Steps ``start`` to 4 as one rank gets them, and the faults that were told."""
    faults = []
    stream = open_stream(sources(packed), SHAPE, 0, rank, Fetching(processes, 2, faults.append))
    try:
        return list(stream.steps(start, 4)), faults
    finally:
        stream.close()


def lots(steps):
    """Every batch's domain, scenes and bytes."""
    return [
        (lot.index, lot.domain, batch.names, batch.feat.numpy().tobytes(), batch.grid.tolist())
        for lot in chain(*steps)
        for batch in lot.micro
    ]


@pytest.fixture(scope="module")
def calm(packed):
    return lots(steps(packed)[0])


@pytest.mark.slow
def test_no_byte_depends_on_the_fetchers(packed, calm):
    fetched, faults = steps(packed, processes=2)
    assert lots(fetched) == calm
    assert faults == []


def test_a_later_start_is_the_rest_of_an_earlier_one(packed, calm):
    assert lots(steps(packed, start=3)[0]) == calm[6:]


@pytest.mark.parametrize("of", [2, 3])
def test_ranks_share_the_scenes_of_each_lot_with_the_same_bytes(packed, of):
    def scenes(batch):
        ends = batch.offset.tolist()
        starts = [0, *ends[:-1]]
        return {
            (batch.names[i], batch.feat[a:b].numpy().tobytes())
            for i, (a, b) in enumerate(zip(starts, ends, strict=True))
        }

    whole = [lot for step in steps(packed)[0] for lot in step]
    shares = [
        [lot for step in steps(packed, rank=Rank(i, of))[0] for lot in step] for i in range(of)
    ]
    for n, lot in enumerate(whole):
        parts = [scenes(share[n].micro[0]) for share in shares]
        assert all(parts)
        assert set().union(*parts) == scenes(lot.micro[0])
        assert sum(map(len, parts)) == 3


def test_a_rank_without_a_scene_gets_an_empty_batch_of_the_right_width(packed):
    batch = steps(packed, rank=Rank(3, 4))[0][0][0].micro[0]
    assert batch.names == ()
    assert batch.feat.shape == (0, 6)
    assert batch.offset.tolist() == []


@pytest.mark.slow
def test_a_killed_fetcher_is_replaced_and_no_byte_changes(packed, calm):
    faults = []
    stream = open_stream(sources(packed), SHAPE, 0, ALONE, Fetching(1, 2, faults.append))
    seen = []
    for n, step in enumerate(stream.steps(0, 4)):
        seen.append(step)
        if n == 1:
            (fetcher,) = multiprocessing.active_children()
            fetcher.kill()
            fetcher.join()
    stream.close()
    assert lots(seen) == calm
    assert len(faults) == 1
    assert "fetcher died" in faults[0]


@pytest.mark.slow
def test_the_death_of_an_idle_fetcher_is_told_at_the_next_step(packed, calm):
    faults = []
    ahead = 1 << 30  # all that there is: it has nothing left to do
    stream = open_stream(sources(packed), SHAPE, 0, ALONE, Fetching(1, ahead, faults.append))
    fetched = stream.steps(0, 4)
    seen = [next(fetched) for _ in range(3)]
    (fetcher,) = multiprocessing.active_children()
    fetcher.kill()
    fetcher.join()
    seen.append(next(fetched))
    stream.close()
    assert lots(seen) == calm
    assert len(faults) == 1


@pytest.mark.slow
def test_starting_a_fetcher_leaves_blocked_signals_blocked():
    """Python's resource tracker unblocks SIGINT, which a run waits for with a checkpoint."""
    program = (
        "import signal\n"
        "from tests.stream.test_stream import _sleeps\n"
        "from ppt_dist.stream.fetch import Fetching, _end, _start\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "_end(_start(_sleeps))\n"
        "assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


@pytest.mark.slow
def test_fetchers_that_always_die_end_with_advice():
    faults = []
    fetchers = Fetchers(_dies, Fetching(1, 1, faults.append))
    with pytest.raises(RuntimeError, match=r"engine\.fetchers to 0"):
        next(fetchers.fetch([Order("a", ((Slot(0, 0),),))]))
    fetchers.close()
    assert len(faults) == REPLACEMENTS + 1


def _dies(_order) -> Loaded:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@pytest.mark.slow
def test_fetchers_load_no_torch(packed):
    stream = open_stream(sources(packed), SHAPE, 0, ALONE, Fetching(1, 2, print))
    next(stream.steps(0, 4))
    (fetcher,) = multiprocessing.active_children()
    libraries = Path(f"/proc/{fetcher.pid}/maps").read_text()
    stream.close()
    assert "numpy" in libraries
    assert "libtorch" not in libraries


def test_a_damaged_record_is_refused_by_shard_and_key(packed, tmp_path):
    shutil.copytree(packed / "s3dis", tmp_path / "s3dis")
    (tar,) = (tmp_path / "s3dis").glob("train-*.tar")
    content = bytearray(tar.read_bytes())
    content[len(content) // 3] ^= 1
    tar.write_bytes(content)
    voxelise = sources(packed)["s3dis"].voxelise
    damaged = {"s3dis": Source(tmp_path / "s3dis", 1, voxelise)}
    stream = open_stream(damaged, SHAPE, 0, ALONE, Fetching(0, 1, lambda _: None))
    with pytest.raises(BadInput, match=r"train-.*\.tar, record Area_"):
        list(stream.steps(0, 2))


@pytest.mark.slow
def test_fetchers_end_by_themselves_when_their_rank_is_killed(tmp_path):
    note = tmp_path / "pid"
    program = (
        "from tests.stream.test_stream import _sleeps\n"
        "from ppt_dist.stream.fetch import Fetchers, Fetching\n"
        "from ppt_dist.stream.load import Order\n"
        f"orders = [Order({str(note)!r}, ())]\n"
        "next(Fetchers(_sleeps, Fetching(1, 1, print)).fetch(orders))\n"
    )
    rank = subprocess.Popen([sys.executable, "-c", program])
    pid = int(_eventually(lambda: note.exists() and note.read_text()))
    rank.kill()
    rank.wait()
    _eventually(lambda: not psutil.pid_exists(pid))


def _sleeps(order):
    """Note this process's id, then work for longer than the test waits."""
    with open(order.domain + ".part", "w") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    os.replace(order.domain + ".part", order.domain)  # noqa: PTH105
    time.sleep(600)
    return []


def _eventually(condition):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_augmentation_is_drawn_anew_each_epoch(packed):
    seen = {}
    for lot in chain(*steps(packed)[0]):
        for i, name in enumerate(lot.micro[0].names):
            start = int(lot.micro[0].offset[i - 1]) if i else 0
            rows = lot.micro[0].feat[start : int(lot.micro[0].offset[i])]
            seen.setdefault((lot.domain, name), []).append(rows)
    for rows in seen.values():
        assert len(rows) > 1
        first, second = rows[0], rows[1]
        assert first.shape != second.shape or not torch.equal(first, second)
        assert np.isfinite(first.numpy()).all()
