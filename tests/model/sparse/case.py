"""A backend on a device, as tests hold it against float64 on the CPU."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from ppt_dist.model.sparse import Backend, Map, sparse_conv, spconv, stride2_map, submanifold_map


class Case(NamedTuple):
    """Takes and gives CPU tensors in float64, whatever it computes in."""

    backend: Backend
    device: str = "cpu"
    threads: int = 1
    dtype: torch.dtype = torch.float64
    tolerance: float = 1e-12
    """Of values of about 1."""

    def __str__(self) -> str:
        threads = "" if self.device == "cuda" else f"-{self.threads}"
        return f"{self.backend}-{self.device}{threads}"

    def need(self) -> None:
        """Skip the test where this case cannot run."""
        if self.device == "cuda" and not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        if self.backend == "spconv" and not spconv.installed():
            pytest.skip("the extra cuda is not installed")

    def submanifold(self, grid: Tensor, scene: Tensor, kernel: int) -> Map:
        return submanifold_map(grid.to(self.device), scene.to(self.device), kernel, self.backend)

    def stride2(self, grid: Tensor, scene: Tensor) -> tuple[Tensor, Tensor, Map]:
        coarse, scenes, down = stride2_map(
            grid.to(self.device), scene.to(self.device), self.backend
        )
        return coarse.cpu(), scenes.cpu(), down

    def conv(self, feat: Tensor, weight: Tensor, pairs: Map) -> Tensor:
        """Differentiable in ``feat`` and ``weight``."""
        out = sparse_conv(
            feat.to(self.device, self.dtype), weight.to(self.device, self.dtype), pairs
        )
        return out.to("cpu", torch.float64)

    def agree(self, ours: Tensor, theirs: Tensor, wanted: tuple[Tensor, ...]) -> None:
        """Values and gradients with respect to ``wanted`` are equal to the tolerance."""
        rng = torch.Generator().manual_seed(9)
        slope = torch.randn(ours.shape, generator=rng, dtype=torch.float64)
        pairs = zip(
            (ours, *torch.autograd.grad((ours * slope).sum(), wanted)),
            (theirs, *torch.autograd.grad((theirs * slope).sum(), wanted)),
            strict=True,
        )
        for one, other in pairs:
            scale = max(1.0, float(other.detach().abs().max())) if other.numel() else 1.0
            torch.testing.assert_close(one, other, rtol=0, atol=self.tolerance * scale)


REFERENCE = Case("reference")
ON_CPU = (REFERENCE, Case("reference", threads=2), Case("spconv"))
ON_CUDA = (
    Case("reference", "cuda"),
    Case("spconv", "cuda", dtype=torch.float32, tolerance=1e-4),
)
