"""Lovasz-softmax: the convex surrogate of the mean IoU (Berman et al. 2018, arXiv 1705.08790)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import UNLABELLED


class SceneLovasz(NamedTuple):
    """Mean over the scenes that have a labelled voxel: the same on any number of ranks."""

    def total(
        self, batch: SceneBatch, logits: Float[Tensor, "voxels classes"]
    ) -> Float[Tensor, ""]:
        """Sum over such scenes."""
        parts = zip(_split(logits, batch), _split(batch.label, batch), strict=True)
        losses = [lovasz_softmax(own, label) for own, label in parts]
        return torch.stack([_nothing(logits), *losses]).sum()

    def mass(self, batch: SceneBatch) -> Float64[Tensor, ""]:
        """Number of such scenes."""
        labelled = [(label != UNLABELLED).any() for label in _split(batch.label, batch)]
        return batch.label.new_tensor(sum(map(int, labelled)), dtype=torch.float64)


class BatchLovasz(NamedTuple):
    """Over all voxels of a rank's micro-lot as one scene, as the official code has it."""

    def total(
        self, batch: SceneBatch, logits: Float[Tensor, "voxels classes"]
    ) -> Float[Tensor, ""]:
        """Of the batch."""
        return lovasz_softmax(logits, batch.label)

    def mass(self, batch: SceneBatch) -> Float64[Tensor, ""]:
        """1, or 0 where nothing is labelled."""
        return (batch.label != UNLABELLED).any().double()


def lovasz_softmax(
    logits: Float[Tensor, "voxels classes"], label: Int64[Tensor, " voxels"]
) -> Float[Tensor, ""]:
    """Mean over the classes that occur of the Lovasz extension of their Jaccard loss.

    Zero, with a gradient of zeros, where nothing is labelled.
    """
    rows = torch.nonzero(label != UNLABELLED).flatten()
    if not len(rows):
        return _nothing(logits)
    label = label.index_select(0, rows)
    present = torch.unique(label)
    truth = label[:, None] == present
    likely = logits.index_select(0, rows).softmax(1).index_select(1, present)
    return _extension((truth.to(likely) - likely).abs(), truth).mean()


def _extension(errors: Float[Tensor, "voxels classes"], truth: Tensor) -> Float[Tensor, " classes"]:
    """Errors, largest first, times what each adds to the Jaccard loss of those before it.

    What they add is computed in float32 whatever the errors are in, as the official code does.
    """
    errors, order = errors.sort(dim=0, descending=True, stable=True)
    wrong = (~truth).gather(0, order).cumsum(0)
    missed = truth.gather(0, order).cumsum(0)
    size = truth.sum(0)
    loss = 1 - (size - missed).float() / (size + wrong).float()
    gain = torch.diff(loss, dim=0, prepend=loss.new_zeros(1, loss.shape[1]))
    return (errors * gain).sum(0)


def _split(rows: Tensor, batch: SceneBatch) -> tuple[Tensor, ...]:
    """The rows of each scene."""
    sizes = torch.diff(batch.offset, prepend=batch.offset.new_zeros(1))
    return rows.split(sizes.tolist())


def _nothing(logits: Float[Tensor, "voxels classes"]) -> Float[Tensor, ""]:
    """Zero, with a gradient of zeros."""
    return logits[:0].sum()
