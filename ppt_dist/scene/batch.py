"""`SceneBatch`: the voxels of some scenes of one domain, as the model takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16, Int32, Int64
from torch import Tensor

from ppt_dist.scene.voxel import VoxelScene


@dataclass(frozen=True)
class SceneBatch:
    """Scenes of ONE domain laid end to end. A rank without a scene holds zero voxels."""

    domain: str
    names: tuple[str, ...]
    grid: Int32[Tensor, "voxels 3"]
    """Cell of each voxel in its scene's grid, not negative."""
    feat: Float[Tensor, "voxels channels"]
    """float32, but where a result is wanted in float64."""
    label: Int64[Tensor, " voxels"]
    """Index into the domain's label set, -1 where ignored."""
    offset: Int64[Tensor, " scenes"]
    """End of each scene: its voxels are ``offset[i - 1]:offset[i]``."""

    @staticmethod
    def of(domain: str, scenes: Sequence[VoxelScene], channels: int) -> "SceneBatch":
        """The scenes laid end to end; ``channels`` is the width of an empty batch."""
        grid = [s.grid for s in scenes] or [np.zeros((0, 3), np.int32)]
        feat = [s.feat for s in scenes] or [np.zeros((0, channels), np.float32)]
        label = [s.label for s in scenes] or [np.zeros(0, np.int16)]
        ends = np.cumsum([len(s.grid) for s in scenes], dtype=np.int64)
        return SceneBatch(
            domain=domain,
            names=tuple(s.name for s in scenes),
            grid=torch.from_numpy(np.concatenate(grid)),
            feat=torch.from_numpy(np.concatenate(feat)),
            label=torch.from_numpy(np.concatenate(label).astype(np.int64)),
            offset=torch.from_numpy(ends),
        )

    @staticmethod
    def laid(
        domain: str,
        names: tuple[str, ...],
        ends: tuple[int, ...],
        grid: Int32[np.ndarray, "voxels 3"],
        feat: Float32[np.ndarray, "voxels channels"],
        label: Int16[np.ndarray, " voxels"],
    ) -> "SceneBatch":
        """Scenes that lie end to end already, in their memory but for the labels."""
        return SceneBatch(
            domain=domain,
            names=names,
            grid=torch.from_numpy(grid),
            feat=torch.from_numpy(feat),
            label=torch.from_numpy(label).long(),
            offset=torch.tensor(ends, dtype=torch.int64),
        )

    def scene_of_voxel(self) -> Int64[Tensor, " voxels"]:
        """Index of the scene that each voxel belongs to."""
        sizes = torch.diff(self.offset, prepend=self.offset.new_zeros(1))
        return torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)

    def to(self, device: torch.device) -> "SceneBatch":
        """The same batch with its tensors on ``device``."""
        return SceneBatch(
            self.domain,
            self.names,
            self.grid.to(device, non_blocking=True),
            self.feat.to(device, non_blocking=True),
            self.label.to(device, non_blocking=True),
            self.offset.to(device, non_blocking=True),
        )
