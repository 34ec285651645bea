"""Kernel maps as tables: which voxel stands at each tap of each output voxel.

The reference backend reads them as they are; other backends make theirs from them, so that voxels
come in one order and bad coordinates are refused alike whichever computes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Int32, Int64
from torch import Tensor

from ppt_dist.section import BadInput

BITS = 18
"""Bits of a packed coordinate on each axis; the scene index has what is left of 63."""
SCENES = 1 << 63 - 3 * BITS
"""Scenes that a batch may hold."""
_MARGIN = 8
"""Cells left free below zero and above the largest coordinate, so that no tap wraps round."""


class Table(NamedTuple):
    """Input voxel of each output voxel and tap; `none` (the number of inputs) where there is none.

    ``backward`` is the same relation read from the inputs, so that gradients are gathered too:
    nothing is scattered, which is what keeps two threads to the same bits.
    """

    forward: Int32[Tensor, "outputs taps"]
    backward: Int32[Tensor, "inputs taps"]

    @property
    def inputs(self) -> int:
        """Voxels that come in; also the index that means none in ``forward``."""
        return self.backward.shape[0]

    @property
    def outputs(self) -> int:
        """Voxels that go out; also the index that means none in ``backward``."""
        return self.forward.shape[0]

    def reversed(self) -> "Table":
        """The map of the inverse convolution: outputs become inputs."""
        return Table(self.backward, self.forward)


def pack(
    grid: Int32[Tensor, "voxels 3"], scene: Int64[Tensor, " voxels"]
) -> Int64[Tensor, " voxels"]:
    """One integer a voxel, ordered by scene, x, y, z.

    Raises:
        BadInput: a coordinate is negative or beyond the packed range, or there are too many scenes.
    """
    if len(scene) and int(scene.max()) >= SCENES:
        raise BadInput(f"{int(scene.max()) + 1} scenes in a batch; at most {SCENES} are allowed")
    if len(grid):
        low, high = int(grid.min()), int(grid.max())
        if low < 0 or high + 2 * _MARGIN >= 1 << BITS:
            raise BadInput(
                f"grid coordinates from {low} to {high}; allowed are 0 to "
                f"{(1 << BITS) - 2 * _MARGIN - 1}: use a larger voxel, or crop the scene"
            )
    x, y, z = (grid.long() + _MARGIN).unbind(1)
    return ((scene << BITS | x) << BITS | y) << BITS | z


def submanifold_table(
    grid: Int32[Tensor, "voxels 3"], scene: Int64[Tensor, " voxels"], kernel: int
) -> Table:
    """Neighbours within a cube of ``kernel`` cells around each voxel, centred (spconv's SubM).

    Taps run as the weight's axes do: x slowest, z fastest.

    Raises:
        BadInput: two voxels of a scene share a cell; names one.
        ValueError: ``kernel`` is even, or wider than the margin that keeps scenes apart.
    """
    if kernel % 2 == 0 or kernel > 2 * _MARGIN + 1:
        raise ValueError(f"kernel {kernel}: must be odd and at most {2 * _MARGIN + 1}")
    key = pack(grid, scene)
    order = torch.argsort(key)
    ordered = key[order]
    _refuse_duplicates(ordered, order, grid)
    count, reach = len(key), kernel // 2
    steps = torch.arange(-reach, kernel - reach, device=key.device)
    dx, dy, dz = torch.meshgrid(steps, steps, steps, indexing="ij")
    shift = (((dx << BITS) + dy) << BITS) + dz
    taps = shift.flatten().tolist()
    table = key.new_full((len(taps), count), count, dtype=torch.int32)
    middle = len(taps) // 2
    own = torch.arange(count, dtype=torch.int32, device=key.device)
    table[middle] = own
    for tap in range(middle):  # the other half is the same pairs seen from the neighbour
        place = torch.searchsorted(ordered, ordered + taps[tap]).clamp_(max=max(count - 1, 0))
        here = (ordered[place] == ordered + taps[tap]) if count else own.bool()
        outputs, found = order[here], order[place[here]]
        table[tap].index_copy_(0, outputs, found.int())
        table[-1 - tap].index_copy_(0, found, outputs.int())
    forward = table.T.contiguous()
    return Table(forward, forward.flip(1).contiguous())


def stride2_table(
    grid: Int32[Tensor, "voxels 3"], scene: Int64[Tensor, " voxels"]
) -> tuple[Int32[Tensor, "coarse 3"], Int64[Tensor, " coarse"], Table]:
    """Cells of twice the edge that hold a voxel, their scenes, and the map of kernel 2, stride 2.

    The tap of a voxel is its place in the coarse cell: x slowest, z fastest (spconv). Voxels that
    share a cell are not looked for: `submanifold_table` of the same level refuses them.
    """
    coarse_key, parent = torch.unique(pack(grid // 2, scene), return_inverse=True)
    mask = (1 << BITS) - 1
    axes = [coarse_key >> 2 * BITS & mask, coarse_key >> BITS & mask, coarse_key & mask]
    coarse_grid = torch.stack(axes, dim=1)
    bit = (grid & 1).long()
    tap = bit[:, 0] * 4 + bit[:, 1] * 2 + bit[:, 2]
    forward = parent.new_full((len(coarse_key), 8), len(grid), dtype=torch.int32)
    backward = parent.new_full((len(grid), 8), len(coarse_key), dtype=torch.int32)
    own = torch.arange(len(grid), device=grid.device)
    forward[parent, tap] = own.int()
    backward[own, tap] = parent.int()
    return (coarse_grid - _MARGIN).int(), coarse_key >> 3 * BITS, Table(forward, backward)


def _refuse_duplicates(
    ordered: Int64[Tensor, " voxels"],
    order: Int64[Tensor, " voxels"],
    grid: Int32[Tensor, "voxels 3"],
) -> None:
    twice = torch.nonzero(ordered[1:] == ordered[:-1]).flatten()
    if len(twice):
        cell = grid[order[twice[0]]].tolist()
        raise BadInput(f"{len(twice)} voxels share a cell with another, such as {cell}")
