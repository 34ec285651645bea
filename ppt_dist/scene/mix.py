"""Mix3D: two scenes in one place (Nekrasov, Schult, Litany, Leibe and Engelmann, 2021).

The official code lays two scenes end to end as one: coordinates are not moved, so both grids start
at the same corner, and voxels of both may lie in one cell. What a sparse convolution makes of two
voxels in a cell is then up to its hash table. Ours refuses them, so a shared cell keeps one of the
two, each equally likely: what grid sampling would have made of the union. The plan says which
scenes are mixed (`ppt_dist.stream.plan`).
"""

import numpy as np

from ppt_dist.scene.voxel import VoxelScene, by_grid

AND = "+"
"""Between the names of two mixed scenes; no name of a scene holds it."""


def mixed(first: VoxelScene, second: VoxelScene, rng: np.random.Generator) -> VoxelScene:
    """The union of both; cells in order of x, y, z."""
    grid = np.concatenate([first.grid, second.grid])
    chosen = by_grid(grid).one_of_each(rng)
    return VoxelScene(
        name=f"{first.name}{AND}{second.name}",
        grid=grid[chosen],
        feat=np.concatenate([first.feat, second.feat])[chosen],
        label=np.concatenate([first.label, second.label])[chosen],
    )


def scenes_in(name: str) -> tuple[str, ...]:
    """The names of the scenes that a voxel scene called ``name`` is made of."""
    return tuple(name.split(AND))
