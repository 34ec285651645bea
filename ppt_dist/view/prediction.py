"""A run's model as a function of a scan, and what is written of its answer."""

import io
from collections.abc import Callable, Mapping
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
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.checkpoint import CheckpointStore
from ppt_dist.train.folder import read_folder
from ppt_dist.train.predict import Tiling, predict
from ppt_dist.train.restore import restore_model
from ppt_dist.view.picture import colors_of, draw, palette, to_ply


class Predictor(NamedTuple):
    """A restored model and how it wants its scans."""

    model: PPT
    domain: str
    labels: LabelSet
    voxelise: Voxelise
    tiling: Tiling

    def __call__(
        self, scene: Scene, on_tile: Callable[[int, int], object]
    ) -> Int16[np.ndarray, " points"]:
        """The class of each point."""
        with torch.inference_mode():
            return predict(self.model, self.domain, scene, self.voxelise, self.tiling, on_tile)


def open_predictor(
    run: Path, checkpoint: str | None, domain: str, tiling: tuple[int, int]
) -> Predictor:
    """The model of a run at a checkpoint, or at the newest that is whole.

    Raises:
        BadInput: no such run, checkpoint, or domain in it; names the known ones.
    """
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
    use = config.domains[domain]
    manifest = read_manifest(use.shards)
    grid = use.grid or manifest.grid
    voxelise = Voxelise(grid, config.model.channels, config.model.color_range)
    model = restore_model(config, found)
    return Predictor(model, domain, manifest.labels, voxelise, Tiling(*tiling))


def write_prediction(
    out: Path,
    scene: Scene,
    label: Int16[np.ndarray, " points"],
    labels: LabelSet,
    taken: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Write labels, coloured points and picture of a scan; returns its counts under its name.

    Raises:
        BadInput: a scan of this name has been ``taken`` before.
    """
    if scene.name in taken:
        raise BadInput(f"two scans are called {scene.name}: predict them into two folders")
    color = colors_of(label, palette(labels.names))
    buffer = io.BytesIO()
    np.save(buffer, label, allow_pickle=False)
    write_durably(out / f"{scene.name}.npy", buffer.getvalue())
    write_durably(out / f"{scene.name}.ply", to_ply(scene.coord, color, label))
    write_durably(out / f"{scene.name}.png", draw(scene.coord).png(color))
    counts = np.bincount(label[label >= 0], minlength=len(labels)).tolist()
    by_class = dict(zip(labels.names, counts, strict=True))
    return {scene.name: {"points": len(label), "points_by_class": by_class}}
