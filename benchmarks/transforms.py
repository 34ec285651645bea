"""Measures training transforms against those of a Pointcept checkout, one by one and as chains.

``python -m benchmarks.transforms --pointcept DIR``: milliseconds a scene, all in this process.
"""

import argparse
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.alike import Cloud, refuse_others
from benchmarks.chains import (
    Chain,
    Pair,
    arrays_of,
    cloud_of,
    cloud_of_batch,
    cloud_of_data,
    data_of,
    indoor,
    outdoor,
    pairs_of,
    seed_theirs,
)
from benchmarks.clouds import dense_room, sweep
from benchmarks.measure import Comparison, Report, Taken, interleaved, run, timed
from benchmarks.pointcept import Data, load_pointcept, read_folder
from ppt_dist.scene.scene import Scene
from ppt_dist.shard.codec import decode, encode
from ppt_dist.shard.form import fields_of

OURS, THEIRS, MENDED = "ppt_dist", "Pointcept", "Pointcept, Collect mended"
FEW = 4000
"""Points, about, of the scene by which distributions are compared."""


class Size(NamedTuple):
    """How much is transformed, how often."""

    pointcept: Path
    indoor: tuple[int, ...]
    """Points of the rooms; on the one in the middle each transform is timed too."""
    outdoor: int
    """Points of the sweep."""
    draws: int
    """Scenes of a trial."""
    rounds: int
    compared: int
    """Draws by which distributions are compared before anything is timed."""


def measure(size: Size) -> Report:
    """Compare distributions, then time each transform and the whole chains."""
    warnings.simplefilter("ignore", DeprecationWarning)  # the checkout's, of scipy
    peer = load_pointcept(size.pointcept)
    rooms = [dense_room(points) for points in sorted(size.indoor)]
    middle = rooms[len(rooms) // 2]
    steps = [_by_itself(pair, before, size) for pair, before in _states(indoor(peer), middle)]
    whole = [_whole(indoor(peer), room, size) for room in rooms]
    whole.append(_whole(outdoor(peer), sweep(size.outdoor), size))
    _print([*steps, *whole])
    conditions = {"scenes of a trial": size.draws, "draws compared before": size.compared}
    return Report(conditions, [*steps, *whole])


def _states(chain: Chain, scene: Scene) -> list[tuple[Pair, tuple[Scene, Data]]]:
    """Each transform with what comes to it in either form: all before it are applied."""
    states, ours, theirs = [], scene, data_of(scene)
    seed_theirs(0)
    for pair in pairs_of(chain):
        states.append((pair, (ours, _copy(theirs))))
        ours = pair.ours(ours, np.random.default_rng(0))
        theirs = pair.theirs(theirs)
    return states


def _by_itself(pair: Pair, before: tuple[Scene, Data], size: Size) -> Comparison:
    _refuse_other_steps(pair, before[0], size.compared)
    rng = np.random.Generator(np.random.Philox(0))
    ours, theirs = before

    def run_ours() -> Taken:
        return _share(timed(lambda: [pair.ours(ours, rng) for _ in range(size.draws)]), size)

    def run_theirs() -> Taken:
        copies = [_copy(theirs) for _ in range(size.draws)]
        return _share(timed(lambda: [pair.theirs(copy) for copy in copies]), size)

    taken = interleaved({OURS: run_ours, THEIRS: run_theirs}, size.rounds)
    return Comparison(f"{pair.title}, {len(ours):,} points", "ms", _ms, OURS, taken)


def _whole(chain: Chain, scene: Scene, size: Size) -> Comparison:
    """From bytes to a batch of one scene."""
    _refuse_other_chains(chain, scene, size.compared)
    fields = fields_of(("color", "normal", "strength"))
    members = encode(scene, fields, chain.voxelise.edge)
    seeds = count()
    rng = np.random.Generator(np.random.Philox(1))

    def ours() -> Taken:
        return _share(
            timed(lambda: [chain.ours_on(decode(members, fields), rng) for _ in range(size.draws)]),
            size,
        )

    def theirs(form: Chain, folder: Path) -> Callable[[], Taken]:
        def trial() -> Taken:
            seed_theirs(next(seeds))
            work = timed(lambda: [form.theirs_on(read_folder(folder)) for _ in range(size.draws)])
            return _share(work, size)

        return trial

    with TemporaryDirectory() as name:
        folder = Path(name)
        for field, array in arrays_of(scene).items():
            np.save(folder / f"{field}.npy", array, allow_pickle=False)
        ways = {OURS: ours, THEIRS: theirs(chain, folder), MENDED: theirs(chain.mended(), folder)}
        taken = interleaved(ways, size.rounds)
    title = f"decode and {chain.title} chain, {len(scene):,} points"
    return Comparison(title, "ms", _ms, OURS, taken)


def _refuse_other_steps(pair: Pair, scene: Scene, draws: int) -> None:
    few = _thinned(scene)

    def ours(seed: int) -> Cloud:
        return cloud_of(pair.ours(few, np.random.default_rng(seed)))

    def theirs(seed: int) -> Cloud:
        seed_theirs(seed)
        return cloud_of_data(pair.theirs(data_of(few)))

    refuse_others(pair.title, ours, theirs, cloud_of(few), draws)


def _refuse_other_chains(chain: Chain, scene: Scene, draws: int) -> None:
    few = _thinned(scene)

    def ours(seed: int) -> Cloud:
        batch = chain.ours_on(few, np.random.default_rng(seed))
        return cloud_of_batch(batch.grid, batch.feat, batch.label)

    def theirs(seed: int) -> Cloud:
        seed_theirs(seed)
        batch = chain.theirs_on(data_of(few))
        return cloud_of_batch(batch["grid_coord"], batch["feat"], batch["segment"])

    refuse_others(chain.title, ours, theirs, None, draws)


def _thinned(scene: Scene) -> Scene:
    return scene.take(np.arange(0, len(scene), max(len(scene) // FEW, 1)))


def _copy(data: Data) -> Data:
    return {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in data.items()}


def _ms(seconds: float) -> float:
    return seconds * 1000


def _share(taken: Taken, size: Size) -> Taken:
    """Of one scene."""
    return Taken(taken.wall / size.draws, None if taken.cpu is None else taken.cpu / size.draws)


def _print(compared: list[Comparison]) -> None:
    """All in one table, in CPU time, which other programs hardly disturb."""
    table = Table(title="CPU milliseconds a scene, medians", title_justify="left")
    for column in ("", OURS, THEIRS, "times as long", MENDED, "times as long"):
        table.add_column(column, no_wrap=True)
    for comparison in compared:
        rows = comparison.rows()
        cells = [f"{rows[OURS]['cpu']:.2f}"]
        for way in (THEIRS, MENDED):
            row = rows.get(way)
            cells += [f"{row['cpu']:.2f}", f"{row['cpu_ratio']:.1f}"] if row else ["", ""]
        table.add_row(comparison.title, *cells)
    Console(highlight=False, width=140).print(table)


if __name__ == "__main__":
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--pointcept", type=Path, required=True, help="a checkout of Pointcept")
    checkout = options.parse_known_args()[0].pointcept
    run(
        measure,
        full=Size(checkout, (150_000, 180_000, 200_000), 120_000, draws=4, rounds=9, compared=60),
        quick=Size(checkout, (20_000,), 10_000, draws=1, rounds=1, compared=20),
        options=options,
    )
