"""Sparse convolution behind four functions: a backend sees tensors, our modules keep the weights.

`submanifold_map`, `stride2_map`, `sparse_conv`, `Map.reversed`. A map belongs to a backend, so the
choice is made where maps are built and nowhere else.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from ppt_dist.model.sparse import reference, spconv
from ppt_dist.model.sparse.maps import Table, stride2_table, submanifold_table
from ppt_dist.model.sparse.spconv import Pairs

Map = Table | Pairs
"""Which inputs meet which outputs at each tap: `inputs`, `outputs`, `reversed()`."""

Backend = Literal["auto", "reference", "spconv"]
"""What computes. ``auto``: spconv on CUDA tensors where it is installed, else the reference."""


def submanifold_map(
    grid: Int32[Tensor, "voxels 3"],
    scene: Int64[Tensor, " voxels"],
    kernel: int,
    backend: Backend = "auto",
) -> Map:
    """Neighbours within a cube of ``kernel`` cells around each voxel; see `submanifold_table`."""
    table = submanifold_table(grid, scene, kernel)
    return Pairs.of(table, submanifold=True) if _by_spconv(backend, grid.device) else table


def stride2_map(
    grid: Int32[Tensor, "voxels 3"], scene: Int64[Tensor, " voxels"], backend: Backend = "auto"
) -> tuple[Int32[Tensor, "coarse 3"], Int64[Tensor, " coarse"], Map]:
    """Cells of twice the edge, their scenes, and the map to them; see `stride2_table`."""
    coarse, coarse_scene, table = stride2_table(grid, scene)
    by_spconv = _by_spconv(backend, grid.device)
    return coarse, coarse_scene, Pairs.of(table, submanifold=False) if by_spconv else table


def sparse_conv(
    feat: Float[Tensor, "inputs channels"], weight: Float[Tensor, "out k k k channels"], pairs: Map
) -> Float[Tensor, "outputs out"]:
    """Sum over taps of the neighbour's features times the tap's weight; differentiable in both."""
    if isinstance(pairs, Pairs):
        return spconv.sparse_conv(feat, weight, pairs)
    return reference.sparse_conv(feat, weight, pairs)


def _by_spconv(backend: Backend, device: torch.device) -> bool:
    if backend == "auto":
        return device.type == "cuda" and spconv.installed()
    return backend == "spconv"
