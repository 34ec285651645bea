"""`Criterion`: a sum of terms, each a mean whose sum and mass ranks and micro-lots only add."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from ppt_dist.run import LossConfig
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.train.lovasz import BatchLovasz, SceneLovasz


class Term(Protocol):
    """A mean: ``sum / mass`` over the batches of a lot on all ranks."""

    def total(
        self, batch: SceneBatch, logits: Float[Tensor, "voxels classes"]
    ) -> Float[Tensor, ""]:
        """The sum above the line; zero, with a gradient of zeros, where nothing is labelled."""
        ...

    def mass(self, batch: SceneBatch) -> Float64[Tensor, ""]:
        """The sum below the line."""
        ...


class Criterion(NamedTuple):
    """Terms and the factor of each."""

    terms: tuple[tuple[float, Term], ...]

    def masses(self, batch: SceneBatch) -> Float64[Tensor, " terms"]:
        """Of each term; they add up over micro-lots and ranks."""
        return torch.stack([term.mass(batch) for _, term in self.terms])

    def total(
        self,
        batch: SceneBatch,
        logits: Float[Tensor, "voxels classes"],
        masses: Float64[Tensor, " terms"],
    ) -> Float[Tensor, ""]:
        """What the batch adds to the loss of the lot that has these ``masses``."""
        divisors = masses.clamp(min=1e-12).to(logits)
        shares = [
            factor * term.total(batch, logits) / divisor
            for (factor, term), divisor in zip(self.terms, divisors, strict=True)
        ]
        return torch.stack(shares).sum()


class CrossEntropy(NamedTuple):
    """``sum(w[y] * -log p[y]) / sum(w[y])`` over the labelled voxels."""

    weights: Mapping[str, Float[Tensor, " classes"]]
    """Weight of each class, by domain."""

    def total(
        self, batch: SceneBatch, logits: Float[Tensor, "voxels classes"]
    ) -> Float[Tensor, ""]:
        """The sum above the line."""
        weight = self.weights[batch.domain].to(logits)
        return F.cross_entropy(
            logits, batch.label, weight=weight, ignore_index=UNLABELLED, reduction="sum"
        )

    def mass(self, batch: SceneBatch) -> Float64[Tensor, ""]:
        """The sum below the line."""
        return _mass(self.weights, batch)


class Attraction(NamedTuple):
    """``sum(w[y] * -logit[y]) / sum(w[y])`` over the labelled voxels: draws each to its class."""

    weights: Mapping[str, Float[Tensor, " classes"]]
    """Weight of each class, by domain."""

    def total(
        self, batch: SceneBatch, logits: Float[Tensor, "voxels classes"]
    ) -> Float[Tensor, ""]:
        """The sum above the line."""
        weight = self.weights[batch.domain].to(logits)
        return F.nll_loss(
            logits, batch.label, weight=weight, ignore_index=UNLABELLED, reduction="sum"
        )

    def mass(self, batch: SceneBatch) -> Float64[Tensor, ""]:
        """The sum below the line."""
        return _mass(self.weights, batch)


def _mass(weights: Mapping[str, Tensor], batch: SceneBatch) -> Float64[Tensor, ""]:
    label = batch.label
    return weights[batch.domain].to(label.device)[label[label != UNLABELLED]].double().sum()


def build_criterion(
    config: LossConfig, weights: Mapping[str, Float[Tensor, " classes"]], *, attracts: bool
) -> Criterion:
    """The configured terms; those of factor 0 are left out.

    Args:
        config: factors.
        weights: of each class, by domain.
        attracts: whether the head draws points to their words; see `Head`.
    """
    by_voxel = Attraction(weights) if attracts else CrossEntropy(weights)
    by_set = SceneLovasz() if config.lovasz_over == "scene" else BatchLovasz()
    terms: tuple[tuple[float, Term], ...] = (
        (config.cross_entropy, by_voxel),
        (config.lovasz, by_set),
    )
    return Criterion(tuple((factor, term) for factor, term in terms if factor))


def class_weights(points: tuple[int, ...], balance: float) -> Float[Tensor, " classes"]:
    """Weight of each class: frequency to the power of ``-balance``, 1 on average over the points.

    With ``balance`` 0 every class weighs 1, as published; a class without points weighs 1 too.
    """
    counts = torch.tensor(points, dtype=torch.float64)
    raw = torch.where(counts > 0, (counts / counts.sum().clamp(min=1)).pow(-balance), 1.0)
    mean = (raw * counts).sum() / counts.sum() if counts.sum() else torch.tensor(1.0)
    return torch.where(counts > 0, raw / mean, 1.0).float()
