"""Measures packing: megabytes of raw scans a second, against reading them and saving ``.npy``."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks.inputs import SPLITS, make_scans
from benchmarks.measure import Comparison, Report, Taken, Trial, interleaved, run, timed
from ppt_dist.scene.scene import Scene
from ppt_dist.shard.form import PLAIN
from ppt_dist.shard.pack import PackOptions, pack
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.spread import processes
from ppt_dist.synth.make import scene_ids

MEGA = 1_000_000


class Size(NamedTuple):
    """How much is packed, how often."""

    scenes: dict[str, int]
    """By domain; starting two workers takes as long as packing a dozen."""
    rounds: int
    per_shard: int = 2
    """Scans of a shard: a shard is the smallest piece of work that two workers share."""


def measure(size: Size) -> Report:
    """Pack procedural scans with one worker and with two, and save them plainly."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for domain, scenes in size.scenes.items():
            make_scans(folder, scenes, (domain,))
        sources = [_source(folder / "raw", domain, size) for domain in size.scenes]
        compared = [_compare(source, folder / "out", size) for source in sources]
        amounts = {s.recipe.name: _told(s) for s in sources}
    start = timed(lambda: list(processes(2)(_ready, [0, 1])))
    conditions = {
        "scans": size.scenes,
        "scans of a shard": size.per_shard,
        "start of two workers": f"{start.wall:.1f} s, {start.cpu:.1f} s of CPU",
    }
    return Report(conditions | amounts, compared)


def _source(raw: Path, domain: str, size: Size) -> Raw:
    recipe, beside = find_recipe(domain)
    smaller = recipe.model_copy(update={"scenes_per_shard": size.per_shard})
    return Raw(raw / domain, smaller, beside)


def _bytes(source: Raw) -> int:
    return sum(path.stat().st_size for path in source.root.rglob("*") if path.is_file())


def _told(source: Raw) -> str:
    """How much there is, and what packing does before it reads a scan."""
    listed = [(source.folder / source.recipe.splits[split]).read_text().split() for split in SPLITS]
    reader = find_reader(source.recipe.reader)
    seconds = timed(lambda: [reader.find(source.root, i) for part in listed for i in part])
    return (
        f"{_bytes(source) / MEGA:.1f} MB, {sum(map(len, listed))} ids found in {seconds.wall:.2f} s"
    )


def _compare(source: Raw, out: Path, size: Size) -> Comparison:
    def empty(work: Callable[[], object]) -> Trial:
        def trial() -> Taken:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            return timed(work)

        return trial

    def packing(workers: int) -> Callable[[], object]:
        options = PackOptions(processes(workers), SPLITS)
        return lambda: pack(
            source.recipe, source.folder, source.root, out, options, lambda *_: None
        )

    amount, domain = _bytes(source), source.recipe.name
    ids = scene_ids(domain, size.scenes[domain])
    trials = {
        "read, np.save": empty(lambda: _save_all(source, ids, out)),
        "pack, 1 worker": empty(packing(1)),
        "pack, 2 workers": empty(packing(2)),
    }
    taken = interleaved(trials, size.rounds, warm=0)
    pace = f"pack {domain}", "raw MB/s", lambda seconds: amount / MEGA / seconds
    return Comparison(*pace, "read, np.save", taken)


def _ready(piece: int) -> int:
    """The least that a worker can do; its process has imported what packing needs."""
    return piece


def _save_all(source: Raw, ids: list[str], out: Path) -> None:
    """The baseline: no shard, index, manifest, hash, label check or sync to the disk."""
    for scene in _scenes(source, ids):
        folder = out / scene.name
        folder.mkdir()
        for field in PLAIN:
            array = getattr(scene, field)
            if array is not None:
                np.save(folder / f"{field}.npy", array, allow_pickle=False)


def _scenes(source: Raw, ids: list[str]) -> Iterator[Scene]:
    reader = find_reader(source.recipe.reader)
    for listed in ids:
        for name, place in reader.find(source.root, listed).items():
            yield reader.read(name, place, source).scene


if __name__ == "__main__":
    full = Size({"scannet": 12, "s3dis": 48, "structured3d": 12}, rounds=3)
    run(measure, full=full, quick=Size({"scannet": 2}, rounds=1))
