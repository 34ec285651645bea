"""Labels for scans of one's own, from a run's model, and the files that show them."""

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int16

from ppt_dist.journal.durable import write_durably
from ppt_dist.model.ppt import PPT
from ppt_dist.scene.labels import LabelSet
from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.scan import Scan
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.checkpoint import CheckpointStore
from ppt_dist.train.folder import read_folder
from ppt_dist.train.predict import Tiling, predict
from ppt_dist.train.restore import check_data, restore_model
from ppt_dist.train.sources import voxelise_of
from ppt_dist.view.picture import colors_of, draw, palette, to_ply


class Request(NamedTuple):
    """A scan to label; everything in it means the same to any process."""

    run: Path
    checkpoint: str
    domain: str
    tiling: Tiling
    scan: Scan
    out: Path


def open_run(run: Path, checkpoint: str | None, domain: str) -> str:
    """The checkpoint's name, or that of the newest which is whole.

    Raises:
        BadInput: no such run, checkpoint, or domain in it; names the known ones.
    """
    _open_model.cache_clear()  # what a path means may have changed since
    config = read_folder(run)
    if domain not in config.domains:
        raise BadInput(
            f"the model of {config.name} does not know the domain {domain!r}: "
            f"{nearest(domain, [*config.domains])}"
        )
    store = CheckpointStore(run, keep=1)
    found = store.load(checkpoint) if checkpoint else store.newest()
    if found is None:
        raise BadInput(f"{run} has no checkpoint that can be read: train it first")
    return found.name


def refuse_clashes(scans: Sequence[Scan], out: Path) -> None:
    """`BadInput` where two scans would be written under one name, or one over itself."""
    places: dict[str, Path] = {}
    for scan in scans:
        if scan.raw is None and scan.path.parent == out.absolute():
            raise BadInput(
                f"{scan.path} lies in the folder that is written to, and its labels would take "
                "its place: give another --out"
            )
        if scan.name in places:
            raise BadInput(
                f"two scans are called {scan.name}: {places[scan.name]} and {scan.path}; "
                "predict them into two folders"
            )
        places[scan.name] = scan.path


def predict_scan(
    request: Request, on_tile: Callable[[int, int], object] = lambda _done, _of: None
) -> dict[str, Any]:
    """Label a scan and write it; returns its number of points, in all and by class.

    Raises:
        BadInput: it cannot be read.
    """
    model, labels, voxelise = _open_model(request.run, request.checkpoint, request.domain)
    scene = request.scan.read()
    with torch.inference_mode():
        label = predict(model, request.domain, scene, voxelise, request.tiling, on_tile)
    _write(request.out / request.scan.name, scene, label, labels)
    counts = np.bincount(label[label >= 0], minlength=len(labels)).tolist()
    by_class = dict(zip(labels.names, counts, strict=True))
    return {"points": len(label), "points_by_class": by_class}


@lru_cache(maxsize=1)
def _open_model(run: Path, checkpoint: str, domain: str) -> tuple[PPT, LabelSet, Voxelise]:
    config = read_folder(run)
    torch.set_num_threads(config.engine.threads)
    manifest = read_manifest(config.domains[domain].shards)
    voxelise = voxelise_of(config, domain, manifest)
    found = CheckpointStore(run, keep=1).load(checkpoint)
    check_data(config, found, domain)
    return restore_model(config, found), manifest.labels, voxelise


def _write(stem: Path, scene: Scene, label: Int16[np.ndarray, " points"], labels: LabelSet) -> None:
    """Labels, coloured points and picture of a scan, called as ``stem`` is."""
    color = colors_of(label, palette(labels.names))
    buffer = io.BytesIO()
    np.save(buffer, label, allow_pickle=False)
    write_durably(stem.with_name(f"{stem.name}.npy"), buffer.getvalue())
    write_durably(stem.with_name(f"{stem.name}.ply"), to_ply(scene.coord, color, label))
    write_durably(stem.with_name(f"{stem.name}.png"), draw(scene.coord).png(color))
