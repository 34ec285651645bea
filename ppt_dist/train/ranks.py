"""`Ranks`: what a training process asks of the others: sums, and to wait for them."""

from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from ppt_dist.stream.rank import Rank
from ppt_dist.train.clock import Clock


@dataclass(frozen=True)
class Ranks:
    """The process group seen from one rank; with one rank nothing is sent."""

    rank: Rank
    clock: Clock = field(default_factory=Clock)
    """Gets the time spent here as ``communication``."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Of this rank's model and scenes; sums are taken there, since NCCL takes no others."""

    def sum(self, tensor: Tensor) -> Tensor:
        """The tensor summed over all ranks, where it lay; every rank must call it equally often."""
        if self.rank.of == 1:
            return tensor
        with self.clock("communication"):
            total = tensor.to(self.device, copy=True)
            dist.all_reduce(total)
            return total.to(tensor.device)

    def agree(self, value: int) -> int:
        """Rank 0's ``value``, on every rank."""
        return int(self.sum(torch.tensor(value if self.rank.index == 0 else 0)))

    def wait(self) -> None:
        """Return when every rank has come here."""
        self.agree(0)
