"""Convolutions as modules: one parameter ``[out, k, k, k, in]`` each, no bias; who builds maps."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.model.sparse import Backend, Map, sparse_conv


class BuildsMaps(nn.Module):
    """Abstract: a backbone that builds maps, by the backend that `choose_backend` tells it."""

    sparse: Backend = "auto"


def choose_backend(model: nn.Module, backend: Backend) -> None:
    """Let whatever builds maps in ``model`` build those of ``backend``."""
    for module in model.modules():
        if isinstance(module, BuildsMaps):
            module.sparse = backend


class SubmanifoldConv(nn.Module):
    """Convolution whose outputs are its inputs' voxels; truncated normal weights of std 0.02."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, kernel, kernel, kernel, in_channels))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(
        self, feat: Float[Tensor, "voxels channels"], neighbours: Map
    ) -> Float[Tensor, "voxels out"]:
        """Features convolved over the neighbours that exist."""
        return sparse_conv(feat, self.weight, neighbours)


class Stride2Conv(nn.Module):
    """Kernel 2 and stride 2: down along a map, or up along the same map reversed.

    Kaiming uniform weights with a = sqrt(5), as spconv's (fan in of all eight taps).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, 2, 2, 2, in_channels))
        nn.init.uniform_(self.weight, -(bound := 1 / math.sqrt(8 * in_channels)), bound)

    def forward(
        self, feat: Float[Tensor, "voxels channels"], parents: Map
    ) -> Float[Tensor, "others out"]:
        """Features of the other level."""
        return sparse_conv(feat, self.weight, parents)
