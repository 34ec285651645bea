"""Decoupled head: a linear layer for each domain (PPT-v1m2; multi-head joint training)."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ppt_dist.model.bank import Bank
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.section import Section


class DecoupledConfig(Section):
    """As many columns as the domain has classes; nothing to set."""

    kind: Literal["decoupled"] = "decoupled"

    @property
    def attracts(self) -> bool:
        """It is learned by cross-entropy."""
        return False

    def build(self, in_channels: int, domains: Mapping[str, DomainLabels]) -> "DecoupledHead":
        """A layer for each domain."""
        classes = {domain: len(known.labels) for domain, known in domains.items()}
        return DecoupledHead(in_channels, classes)


class DecoupledHead(nn.Module):
    """Weight and bias are rows of banks, started as those of `torch.nn.Linear`."""

    def __init__(self, in_channels: int, classes: Mapping[str, int]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_channels)
        self.weight = Bank(
            {d: torch.empty(n, in_channels).uniform_(-bound, bound) for d, n in classes.items()}
        )
        self.bias = Bank({d: torch.empty(n).uniform_(-bound, bound) for d, n in classes.items()})

    def forward(
        self, feat: Float[Tensor, "voxels channels"], domain: str
    ) -> Float[Tensor, "voxels classes"]:
        """Logits of the domain's own layer."""
        return F.linear(feat, self.weight(domain), self.bias(domain))
