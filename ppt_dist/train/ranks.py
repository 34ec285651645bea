"""`Ranks`: what a training process asks of the others: sums, and to wait for them."""

from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from ppt_dist.stream.rank import Rank


class Ranks(NamedTuple):
    """The process group seen from one rank; with one rank nothing is sent."""

    rank: Rank

    def sum(self, tensor: Tensor) -> Tensor:
        """The tensor summed over all ranks; every rank must call it equally often."""
        if self.rank.of == 1:
            return tensor
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    def agree(self, value: int) -> int:
        """Rank 0's ``value``, on every rank."""
        return int(self.sum(torch.tensor(value if self.rank.index == 0 else 0)))

    def wait(self) -> None:
        """Return when every rank has come here."""
        self.agree(0)
