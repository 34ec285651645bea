"""Measures reading: decoded scenes a second, against stock webdataset and a folder of ``.npy``."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import zstandard
from webdataset.compat import WebDataset

from benchmarks.inputs import make_shards
from benchmarks.measure import Comparison, Report, Trial, interleaved, run, timed
from ppt_dist.scene.scene import Scene
from ppt_dist.shard.codec import decode
from ppt_dist.shard.form import PLAIN
from ppt_dist.shard.member import members_of
from ppt_dist.shard.records import Records
from ppt_dist.synth.make import DOMAINS
from ppt_dist.train.sources import TRAIN

Arrays = dict[str, np.ndarray]


class Size(NamedTuple):
    """How much is read, how often."""

    scenes: int
    passes: int
    """Over all scenes, in one trial."""
    rounds: int
    domains: tuple[str, ...] = DOMAINS


def measure(size: Size) -> Report:
    """Read the same packed scenes in four ways, each in this one process."""
    compared, sizes = [], {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        shards = make_shards(folder, size.scenes, size.domains)
        for domain in size.domains:
            records = Records.open(shards / domain, TRAIN)
            plain = folder / "npy" / domain
            _save(records, plain)
            sizes[domain] = f"{len(records)} scenes of {records.points.mean():,.0f} points"
            compared.append(_compare(records, shards / domain, plain, size))
    conditions = {"passes of a trial": size.passes, "processes": 1, "files": "in the page cache"}
    return Report(sizes | conditions, compared)


def _save(records: Records, folder: Path) -> None:
    for i, name in enumerate(records.names):
        (folder / name).mkdir(parents=True)
        for field, array in _arrays(records[i]).items():
            np.save(folder / name / f"{field}.npy", array, allow_pickle=False)


def _compare(records: Records, packed: Path, plain: Path, size: Size) -> Comparison:
    tars = sorted(str(path) for path in packed.glob(f"{TRAIN}-*.tar"))
    order = np.random.default_rng(0).permutation(len(records)).tolist()
    ways: dict[str, Callable[[], Iterator[Arrays]]] = {
        "webdataset": lambda: _from_webdataset(tars),
        ".npy folder": lambda: _from_folder(plain, records.names),
        "records": lambda: (_arrays(records[i]) for i in order),
        "records, no crc32": lambda: (_arrays(_unchecked(records, i)) for i in order),
    }
    _refuse_differences({way: list(read()) for way, read in ways.items()})

    def trial(read: Callable[[], Iterator[Arrays]]) -> Trial:
        def passes() -> None:
            for _ in range(size.passes):
                for _scene in read():
                    pass

        return lambda: timed(passes)

    taken = interleaved({way: trial(read) for way, read in ways.items()}, size.rounds)
    scenes, title = size.passes * len(records), f"decode {records.manifest.domain}"
    return Comparison(title, "scenes/s", lambda seconds: scenes / seconds, "webdataset", taken)


def _arrays(scene: Scene) -> Arrays:
    return {name: getattr(scene, name) for name in PLAIN if getattr(scene, name) is not None}


def _unchecked(records: Records, i: int) -> Scene:
    return decode(members_of(records.read(i), records.names[i]), records.fields)


def _from_webdataset(tars: list[str]) -> Iterator[Arrays]:
    """In the order of the tars, which is the only one that it has."""
    samples: Any = WebDataset(tars, shardshuffle=False)
    for sample in samples:
        yield {
            member.partition(".")[0]: _load(member, content)
            for member, content in sample.items()
            if ".npy" in member
        }


def _load(member: str, content: bytes) -> np.ndarray:
    if member.endswith(".zst"):
        content = zstandard.ZstdDecompressor().decompress(content)
    return np.load(io.BytesIO(content), allow_pickle=False)


def _from_folder(folder: Path, names: tuple[str, ...]) -> Iterator[Arrays]:
    for name in names:
        paths = (folder / name).iterdir()
        yield {path.stem: np.load(path, allow_pickle=False) for path in paths}


def _refuse_differences(read: dict[str, list[Arrays]]) -> None:
    """Every way gives the same arrays, in whatever order of scenes."""
    seen = {way: sorted(_signature(scene) for scene in scenes) for way, scenes in read.items()}
    if len({str(signatures) for signatures in seen.values()}) != 1:
        raise ValueError("the ways do not read the same arrays")


def _signature(arrays: Arrays) -> str:
    return str(sorted((name, a.shape, float(a.sum(dtype=float))) for name, a in arrays.items()))


if __name__ == "__main__":
    run(measure, full=Size(scenes=12, passes=10, rounds=7), quick=Size(2, 1, 1, ("scannet",)))
