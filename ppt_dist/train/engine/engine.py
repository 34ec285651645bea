"""`Engine`: what turns the losses of lots into one step; the arithmetic that engines share."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.loss import Criterion
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.state import EngineState


class LotResult(NamedTuple):
    """What a lot gave, summed over all ranks."""

    loss: float
    """Sum of the criterion's terms, each a mean over the whole lot."""
    voxels: int


@runtime_checkable
class Engine(Protocol):
    """A model and its optimiser on all ranks. Every method is called by all ranks alike."""

    def accumulate(self, lot: LotBatch, share: float) -> LotResult:
        """Add ``share`` times the gradient of the lot's loss."""
        ...

    def update(self, rate: float, active: frozenset[str], momentum: float | None = None) -> float:
        """Clip and step the shared parameters and those of the ``active`` domains.

        The optimiser's own momentum stays where none is given.
        Returns the norm of all gradients before clipping.
        """
        ...

    def forward(self, batch: SceneBatch) -> Float[Tensor, "voxels classes"]:
        """Logits in evaluation mode, without gradients."""
        ...

    def state(self) -> EngineState:
        """All that training continues from, whole on every rank, without a trace of ranks."""
        ...

    def load(self, state: EngineState) -> None:
        """Continue from a state of any stage and number of ranks."""
        ...


def backward_lot(
    lot: LotBatch,
    criterion: Criterion,
    ranks: Ranks,
    forward: Callable[[SceneBatch], Tensor],
    backward: Callable[[Tensor], object],
) -> LotResult:
    """Run forward and backward over this rank's micro-lots.

    The divisors are the masses of the whole lot over all ranks, so the result depends neither on
    how many ranks there are nor on how unevenly the scenes lie (the World law).
    """
    own_masses = torch.stack([criterion.masses(batch) for batch in lot.micro]).sum(0)
    voxels = own_masses.new_tensor([sum(len(batch.label) for batch in lot.micro)])
    sums = ranks.sum(torch.cat([own_masses, voxels]))
    own_loss = 0.0
    for batch in lot.micro:
        with ranks.clock("forward"):
            loss = criterion.total(batch, forward(batch), sums[:-1])
        with ranks.clock("backward"):
            backward(loss)
            own_loss += float(loss.detach())
    loss = ranks.sum(sums.new_tensor(own_loss))
    return LotResult(float(loss), int(sums[-1]))
