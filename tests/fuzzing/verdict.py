"""What reading a fuzzed domain came to, and whether that is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.info import summary
from ppt_dist.shard.look import FULL
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.shard.records import Records
from ppt_dist.shard.validate import validate
from tests.fuzzing.base import SPLITS

ARRAYS = ("coord", "color", "normal", "segment", "instance", "strength")
T = TypeVar("T")


class Seen(NamedTuple):
    """All that reading gave."""

    digest: str
    """Of the manifest; empty where that was refused."""
    names: dict[str, tuple[str, ...]]
    """Keys of each split that could be opened."""
    scenes: dict[str, Scene]
    """Those that could be read."""
    refused: list[str]
    faults: list[str]
    """What validation found, or why it refused to."""


class Wrong(AssertionError):
    """Reading did what it must not do."""


def look(folder: Path) -> Seen:
    """Read everything in ``folder`` as the program does; only `BadInput` is caught."""
    refused: list[str] = []
    manifest = _tried(refused, lambda: read_manifest(folder))
    _tried(refused, lambda: summary(folder))
    names, scenes = {}, {}
    for split in SPLITS:
        records = _tried(refused, lambda split=split: Records.open(folder, split))
        if records is None:
            continue
        names[split] = records.names
        for i, name in enumerate(records.names):
            scene = _tried(refused, lambda i=i, records=records: records[i])
            if scene is not None:
                scenes[name] = scene
    faults: list[str] = []
    found = _tried(faults, lambda: validate(folder, lambda *_: None))
    _tried(refused, lambda: validate(folder, lambda *_: None, depth=FULL))
    faults += [" ".join(fault) for fault in found or ()]
    return Seen(_digest(manifest), names, scenes, refused, faults)


def judge(seen: Seen, before: Seen, folder: Path, *, forged: bool, touched: bool) -> None:
    """Raise `Wrong` unless what was read is what it was, or was refused by the file's name.

    Args:
        seen: of the fuzzed folder.
        before: of the folder as it was packed.
        folder: that was read.
        forged: whether sums were made to fit, so that a whole scene may be another one.
        touched: whether a tar or an index is not as it was.
    """
    for message in seen.refused:
        if str(folder) not in message:
            raise Wrong(f"no file is named in: {message[:300]}")
    for scene in seen.scenes.values():
        _check_whole(scene)
    if not forged:
        _check_unchanged(seen, before, touched=touched)


def _check_unchanged(seen: Seen, before: Seen, *, touched: bool) -> None:
    """Every scene is what it was, and validation found what is not."""
    for name, scene in seen.scenes.items():
        if name not in before.scenes or not _same(scene, before.scenes[name]):
            raise Wrong(f"scene {name} is another than it was, and was not refused")
    if seen.digest != before.digest:
        return  # another manifest says so by its digest, which runs compare
    if any(names != before.names[split] for split, names in seen.names.items()):
        raise Wrong(f"the order of scenes is another: {seen.names}")
    if touched and not seen.faults:
        raise Wrong("bytes changed, and validation found nothing")


def _digest(manifest: Manifest | None) -> str:
    return "" if manifest is None else manifest.digest()


def _tried(refused: list[str], act: Callable[[], T]) -> T | None:
    try:
        return act()
    except BadInput as error:
        refused.append(str(error))
        return None


def _check_whole(scene: Scene) -> None:
    lengths = {len(array) for name in ARRAYS if (array := _array(scene, name)) is not None}
    if len(lengths) != 1:
        raise Wrong(f"scene {scene.name} has arrays of {lengths} points")


def _same(a: Scene, b: Scene) -> bool:
    """Every array that the first has is that of the second; absent ones the manifest left out."""
    pairs = [(_array(a, name), _array(b, name)) for name in ARRAYS]
    return a.name == b.name and all(
        x is None or (y is not None and x.dtype == y.dtype and np.array_equal(x, y))
        for x, y in pairs
    )


def _array(scene: Scene, name: str) -> np.ndarray | None:
    return getattr(scene, name)
