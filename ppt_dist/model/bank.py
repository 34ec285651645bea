"""`Bank`: one ordinary parameter per domain, read so that every row gets a gradient."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

EVERY_DOMAIN = "every_domain"
"""Name of the only row of a bank that all domains share."""


class Bank(nn.Module):
    """A tensor per domain, of any shape each; its parameters are called by the domains' names.

    All ranks touch the same parameters in the same order whatever the domain, which ZeRO needs: a
    parameter without a gradient is mispaired, or stepped with a stale one, and nothing is said.
    """

    def __init__(self, rows: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.domains = tuple(rows)
        for domain, value in rows.items():
            self.register_parameter(domain, nn.Parameter(value.clone()))

    def forward(self, domain: str) -> Tensor:
        """The row of ``domain``; the others join the graph with a gradient of zeros."""
        rows = [self.get_parameter(name) for name in self.domains]
        return _Row.apply(self.domains.index(domain), *rows)


class _Row(torch.autograd.Function):
    """One of several tensors; backward gives zeros to the rest."""

    @staticmethod
    def forward(ctx: Any, index: int, *rows: Tensor) -> Tensor:
        ctx.index, ctx.shapes = index, [row.shape for row in rows]
        return rows[index].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        zeros = (grad.new_zeros(shape) for shape in ctx.shapes)
        return None, *(grad if i == ctx.index else zero for i, zero in enumerate(zeros))
