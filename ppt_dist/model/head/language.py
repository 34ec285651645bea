"""Language-guided head: cosine of projected features and the vectors of the domain's own words.

PPT section 4.3 (arXiv 2308.09718); cross-entropy over these logits is InfoNCE with the domain's
words.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.nn import functional as F

from ppt_dist.section import HOW, Section

_EPS = 1e-12
"""Shortest projection that counts as a direction, as `torch.nn.functional.normalize` has it."""


class LanguageConfig(Section):
    """The head's vectors and temperature."""

    kind: Literal["language"] = "language"
    vectors: Annotated[Path, HOW]
    """Word vectors made by ``ppt-dist text``."""
    temperature: PositiveFloat = 0.01
    """Frozen. 0.01 is CLIP's trained one, as in the official code; 0.07 is CLIP's initial one."""

    def build(
        self, in_channels: int, vectors: Mapping[str, Float[Tensor, "classes width"]]
    ) -> "LanguageHead":
        """The head over the word vectors of each domain."""
        return LanguageHead(in_channels, vectors, self.temperature)


class LanguageHead(nn.Module):
    """``cos(project(x), vector of the word) / temperature`` for each word of the batch's domain."""

    def __init__(
        self,
        in_channels: int,
        vectors: Mapping[str, Float[Tensor, "classes width"]],
        temperature: float,
    ) -> None:
        super().__init__()
        width = next(iter(vectors.values())).shape[1]
        self.project = nn.Linear(in_channels, width)
        nn.init.trunc_normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)
        self.logit_scale: Tensor
        self.register_buffer("logit_scale", torch.tensor(-math.log(temperature)))
        self.words = nn.Module()
        """The vectors as buffers by domain: they travel with the weights."""
        for domain, rows in vectors.items():
            self.words.register_buffer(domain, F.normalize(rows.float(), dim=1))

    def forward(
        self, feat: Float[Tensor, "voxels channels"], domain: str
    ) -> Float[Tensor, "voxels classes"]:
        """Logits of the domain's own classes. A zero feature gives zero logits, not NaN."""
        projected = self.project(feat)
        length = projected.norm(dim=1, keepdim=True).clamp(min=_EPS) * (-self.logit_scale).exp()
        # Divided after the product: as many columns as classes instead of as vectors are wide.
        return projected @ self.words.get_buffer(domain).T / length
