"""Small batches of voxels for the tests of `model/`, and the dense grid that they stand for."""

import torch
from torch import Tensor


def voxels(*counts: int, size: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Distinct cells of a ``size`` cube for each scene, in no order: grid and scene."""
    rng = torch.Generator().manual_seed(seed)
    cells = [torch.randperm(size**3, generator=rng)[:count] for count in counts]
    flat = torch.cat([*cells, torch.zeros(0, dtype=torch.int64)])
    grid = torch.stack([flat // size**2, flat // size % size, flat % size], dim=1).int()
    return grid, torch.arange(len(counts)).repeat_interleave(
        torch.tensor(counts, dtype=torch.int64)
    )


def normal(*shape: int, seed: int = 1) -> Tensor:
    """Float64 draws of N(0, 1)."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def gradient(p: Tensor) -> Tensor:
    """What backward left at a leaf."""
    assert p.grad is not None
    return p.grad


def densify(feat: Tensor, grid: Tensor, scene: Tensor, size: int, scenes: int) -> Tensor:
    """``[scenes, channels, size, size, size]``, zero where there is no voxel; differentiable."""
    x, y, z = grid.long().unbind(1)
    dense = feat.new_zeros(scenes, size, size, size, feat.shape[1])
    return dense.index_put((scene, x, y, z), feat).permute(0, 4, 1, 2, 3)


def sample(dense: Tensor, grid: Tensor, scene: Tensor) -> Tensor:
    """Rows of a dense grid at the voxels."""
    x, y, z = grid.long().unbind(1)
    return dense.permute(0, 2, 3, 4, 1)[scene, x, y, z]
