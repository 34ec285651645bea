"""Prediction of scans of any size: the voxels in tiles, each seen with what lies around it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int16, Int32, Int64

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.evaluate import Forward

ALIGNED = 64
"""Cells that tiles are moved by: a multiple of the stride of any net of up to six levels."""


class Tiling(NamedTuple):
    """How a scan is cut."""

    most: int = 200_000
    """Voxels of a tile with its margin, where the margin allows it."""
    margin: int = 64
    """Cells around a tile that the net sees too; as wide as what it sees, no cut is felt."""


class Tile(NamedTuple):
    """Rows of voxels."""

    seen: Int64[np.ndarray, " seen"]
    """Inside and around the tile."""
    inside: Bool[np.ndarray, " seen"]
    """Whether each is inside."""


def predict(
    forward: Forward,
    domain: str,
    scene: Scene,
    voxelise: Voxelise,
    tiling: Tiling,
    on_tile: Callable[[int, int], object] = lambda _done, _of: None,
) -> Int16[np.ndarray, " points"]:
    """The class of each point in the scan's order.

    What the net takes is bounded by the tile; beside it some 100 bytes a point of the scan.

    Args:
        forward: logits in evaluation mode.
        domain: whose prompt, norms and words are used.
        scene: its labels are not looked at.
        voxelise: the grid and channels that the model was trained with.
        tiling: how large the parts are.
        on_tile: told how many tiles are done, of how many.
    """
    voxels = voxelise.evaluate(scene)
    if voxels.inverse is None:
        raise ValueError(f"scene {scene.name} was voxelised without its inverse")
    labels = np.full(len(voxels.grid), -1, np.int16)
    tiles = list(cut(voxels.grid, tiling))
    for done, tile in enumerate(tiles):
        on_tile(done, len(tiles))
        batch = SceneBatch.of(domain, [_part(voxels, tile.seen)], voxels.feat.shape[1])
        found = forward(batch).argmax(1).cpu().numpy().astype(np.int16)
        labels[tile.seen[tile.inside]] = found[tile.inside]
    on_tile(len(tiles), len(tiles))
    return labels[voxels.inverse]


def cut(grid: Int32[np.ndarray, "voxels 3"], tiling: Tiling) -> Iterator[Tile]:
    """Upright tiles that halve until each holds few enough voxels or is as narrow as its margin.

    Every voxel is inside exactly one.
    """
    everything = np.arange(len(grid))
    high = grid.max(axis=0, initial=0).astype(np.int64) + 1
    yield from _halved(grid, everything, (np.zeros(2, np.int64), high[:2]), tiling)


def _halved(
    grid: Int32[np.ndarray, "voxels 3"],
    near: Int64[np.ndarray, " near"],
    box: tuple[Int64[np.ndarray, " 2"], Int64[np.ndarray, " 2"]],
    tiling: Tiling,
) -> Iterator[Tile]:
    """Tiles of a box from its low to before its high corner; ``near`` holds all that it sees."""
    low, high = box
    at = grid[near, :2]
    around = np.all((at >= low - tiling.margin) & (at < high + tiling.margin), axis=1)
    near, at = near[around], at[around]
    inside = np.asarray(np.all((at >= low) & (at < high), axis=1))
    if not inside.any():
        return
    axis = int(np.argmax(high - low))
    width = int(high[axis] - low[axis])
    if len(near) <= tiling.most or width <= max(tiling.margin, 1):
        yield Tile(near, inside)
        return
    middle = low[axis] + width // 2
    for side in (0, 1):
        corner = [low.copy(), high.copy()]
        corner[1 - side][axis] = middle
        yield from _halved(grid, near, (corner[0], corner[1]), tiling)


def _part(voxels: VoxelScene, rows: Int64[np.ndarray, " seen"]) -> VoxelScene:
    """Some voxels, moved so that they meet the same cells of coarser grids."""
    grid = aligned(voxels.grid[rows])
    return VoxelScene(voxels.name, grid, voxels.feat[rows], voxels.label[rows])


def aligned(grid: Int32[np.ndarray, "seen 3"]) -> Int32[np.ndarray, "seen 3"]:
    """The cells near the origin, moved by whole strides."""
    return grid - grid.min(axis=0, initial=np.iinfo(np.int32).max) // ALIGNED * ALIGNED
