"""Measures codecs: bytes a point and scenes a second, beside ``.npy`` and ``.npz`` files."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from isal.isal_zlib import crc32

from benchmarks.measure import Comparison, Report, interleaved, run, timed
from ppt_dist.scene.scene import Scene
from ppt_dist.shard.codec import decode, encode, in_morton_order
from ppt_dist.shard.form import PLAIN, Codec, fields_of
from ppt_dist.shard.manifest import Field
from ppt_dist.shard.member import members_of
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.normals import of_mesh
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.span import read_span
from ppt_dist.shard.tar import Span, crc32_of, write_tar
from ppt_dist.synth.make import DOMAINS
from ppt_dist.synth.room import make_room
from ppt_dist.synth.scan import scan
from ppt_dist.synth.scannet import to_mesh
from ppt_dist.synth.world import find_world

EDGE = 0.02
"""Of a voxel, metres: all domains here are indoor."""
SHARED = "PPT_DIST_SHARED"
"""Names a folder with ``real/<domain>``; without it only made-up rooms are measured."""
CHANNELS = ("color", "normal", "strength")

Arrays = dict[str, np.ndarray]


class Size(NamedTuple):
    """How much is read, how often."""

    rooms: int
    denser: float
    """Points a square metre, by those of the demo's rooms."""
    passes: int
    rounds: int


def measure(size: Size) -> Report:
    """Store the same scenes in five ways and read them back, each in this one process."""
    rooms = [_room(n, size.denser) for n in range(size.rooms)]
    sources = {"made-up rooms": rooms} | {f"real {d}": s for d, s in _real().items()}
    compared, conditions = [], {}
    for title, scenes in sources.items():
        points = sum(map(len, scenes)) / len(scenes)
        conditions[title] = f"{len(scenes)} of {points:,.0f} points"
        with TemporaryDirectory() as name:
            compared.append(_compare(title, scenes, Path(name), size))
    conditions |= {"passes of a trial": size.passes, "files": "in the page cache"}
    return Report(conditions, compared)


def _room(seed: int, denser: float) -> Scene:
    """A room as the demo's ScanNet sensor would see it with more points."""
    world, rng = find_world("scannet"), np.random.default_rng(seed)
    gap = world.gap.model_copy(update={"density": world.gap.density * denser})
    patches = scan(make_room(world.furniture, rng), gap, rng)
    mesh = to_mesh(patches, np.eye(3), np.zeros(3))
    shapes = sorted({patch.surface.shape for patch in patches})
    segment = np.array([shapes.index(patch.surface.shape) for patch in patches])
    piece = np.array([patch.surface.piece for patch in patches])
    return Scene(
        name=f"room-{seed}",
        coord=mesh.coord,
        segment=segment[mesh.patch].astype(np.int16),
        instance=piece[mesh.patch].astype(np.int32),
        color=mesh.color,
        normal=of_mesh(mesh.coord, mesh.faces),
    )


def _real() -> dict[str, list[Scene]]:
    """Scans that are given, by domain."""
    found: dict[str, list[Scene]] = {}
    for domain in DOMAINS if SHARED in os.environ else ():
        recipe, beside = find_recipe(domain)
        raw = Raw(Path(os.environ[SHARED]) / "real" / domain, recipe, beside)
        reader = find_reader(recipe.reader)
        for listed in sorted(_ids(raw)):
            places = reader.find(raw.root, listed)
            scenes = [reader.read(name, place, raw).scene for name, place in places.items()]
            found.setdefault(domain, []).extend(scenes)
    return {domain: scenes for domain, scenes in found.items() if scenes}


def _ids(raw: Raw) -> set[str]:
    lists = (raw.folder / name for name in raw.recipe.splits.values())
    return {listed for path in lists for listed in path.read_text("utf-8").split()}


def _compare(title: str, scenes: list[Scene], folder: Path, size: Size) -> Comparison:
    ways = {
        "plain": _tar(scenes, folder / "plain.tar", "plain"),
        "compact": _tar([in_morton_order(s, EDGE) for s in scenes], folder / "m.tar", "compact"),
        "compact, source order": _tar(scenes, folder / "s.tar", "compact"),
        ".npy folder": _npy(scenes, folder / "npy"),
        ".npz": _npz(scenes, folder / "npz"),
    }
    points = sum(map(len, scenes))
    named = {f"{way}, {w.size / points:.2f} B/point": w.read for way, w in ways.items()}

    def passes(read: Callable[[], Iterator[object]]) -> None:
        for _ in range(size.passes):
            for _scene in read():
                pass

    trials = {way: partial(timed, partial(passes, read)) for way, read in named.items()}
    taken = interleaved(trials, size.rounds)
    count = size.passes * len(scenes)
    return Comparison(title, "scenes/s", lambda seconds: count / seconds, next(iter(named)), taken)


class _Way(NamedTuple):
    size: int
    """Bytes of all files."""
    read: Callable[[], Iterator[object]]


def _tar(scenes: list[Scene], path: Path, codec: Codec) -> _Way:
    fields = fields_of(CHANNELS, codec)
    spans = write_tar(path, ((scene.name, encode(scene, fields, EDGE)) for scene in scenes))
    sums = crc32_of(path, spans)
    return _Way(path.stat().st_size, lambda: _from_tar(path, spans, sums, fields))


def _from_tar(
    path: Path, spans: list[Span], sums: list[int], fields: Mapping[str, Field]
) -> Iterator[Scene]:
    with path.open("rb") as file:
        for span, told in zip(spans, sums, strict=True):
            content = read_span(file.fileno(), span.offset, span.size)
            if crc32(content) != told:
                raise ValueError(f"{span.key} is damaged")
            yield decode(members_of(content, span.key), fields)


def _npy(scenes: list[Scene], folder: Path) -> _Way:
    for scene in scenes:
        (folder / scene.name).mkdir(parents=True)
        for field, array in _arrays(scene).items():
            np.save(folder / scene.name / f"{field}.npy", array, allow_pickle=False)

    def read() -> Iterator[Arrays]:
        for place in folder.iterdir():
            yield {path.stem: np.load(path, allow_pickle=False) for path in place.iterdir()}

    return _Way(_bytes(folder), read)


def _npz(scenes: list[Scene], folder: Path) -> _Way:
    folder.mkdir()
    for scene in scenes:
        np.savez_compressed(folder / f"{scene.name}.npz", allow_pickle=False, **_arrays(scene))

    def read() -> Iterator[Arrays]:
        for path in folder.iterdir():
            with np.load(path, allow_pickle=False) as file:
                yield {name: file[name] for name in file.files}

    return _Way(_bytes(folder), read)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _arrays(scene: Scene) -> Arrays:
    return {name: getattr(scene, name) for name in PLAIN if getattr(scene, name) is not None}


if __name__ == "__main__":
    full = Size(rooms=4, denser=12.0, passes=4, rounds=7)
    run(measure, full=full, quick=Size(rooms=1, denser=1.0, passes=1, rounds=1))
