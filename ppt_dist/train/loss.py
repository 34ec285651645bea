"""Cross-entropy as a sum over labelled voxels, so that ranks and micro-lots only add."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional as F

from ppt_dist.scene.scene import UNLABELLED


class CrossEntropy(NamedTuple):
    """``sum(w[y] * -log p[y]) / sum(w[y])`` over the labelled voxels of a lot."""

    weights: Mapping[str, Float[Tensor, " classes"]]
    """Weight of each class, by domain."""

    def total(
        self, domain: str, logits: Float[Tensor, "voxels classes"], label: Int64[Tensor, " voxels"]
    ) -> Float[Tensor, ""]:
        """The sum above the line; zero, with a gradient of zeros, where nothing is labelled."""
        return F.cross_entropy(
            logits,
            label,
            weight=self.weights[domain].to(logits),
            ignore_index=UNLABELLED,
            reduction="sum",
        )

    def mass(self, domain: str, label: Int64[Tensor, " voxels"]) -> Float64[Tensor, ""]:
        """The sum below the line."""
        return self.weights[domain].to(label.device)[label[label != UNLABELLED]].double().sum()


def class_weights(points: tuple[int, ...], balance: float) -> Float[Tensor, " classes"]:
    """Weight of each class: frequency to the power of ``-balance``, 1 on average over the points.

    With ``balance`` 0 every class weighs 1, as published; a class without points weighs 1 too.
    """
    counts = torch.tensor(points, dtype=torch.float64)
    raw = torch.where(counts > 0, (counts / counts.sum().clamp(min=1)).pow(-balance), 1.0)
    mean = (raw * counts).sum() / counts.sum() if counts.sum() else torch.tensor(1.0)
    return torch.where(counts > 0, raw / mean, 1.0).float()
