"""`RunningStatistics`: mean and variance of each domain's voxels, saved by the domain's name."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RunningStatistics(nn.Module):
    """Two buffers ``[rows, channels]``; a state dict holds ``mean.<row>`` and ``var.<row>``.

    Keys go by name, so a model with other domains, or in another order, loads the rows that it
    knows.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, rows: tuple[str, ...], channels: int, momentum: float) -> None:
        super().__init__()
        self.rows = rows
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(len(rows), channels))
        self.register_buffer("var", torch.ones(len(rows), channels))

    def of(self, row: str) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
        """Mean and variance of a row, as normalisation takes them at evaluation."""
        i = self.rows.index(row)
        return self.mean[i], self.var[i]

    @torch.no_grad()
    def update(
        self,
        row: str,
        mean: Float[Tensor, " channels"],
        var: Float[Tensor, " channels"],
        count: Float[Tensor, ""],
    ) -> None:
        """Move a row towards the statistics of ``count`` voxels; ``var`` is the biased one.

        As `torch.nn.BatchNorm1d`: the running variance is the unbiased one. Without voxels the row
        stays.
        """
        i = self.rows.index(row)
        share = self.momentum * (count > 0)
        unbiased = var * (count / (count - 1).clamp(min=1))
        self.mean[i] += share * (mean - self.mean[i])
        self.var[i] += share * (unbiased - self.var[i])

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:  # noqa: FBT001
        for name in ("mean", "var"):
            buffer = self.get_buffer(name)
            for row, value in zip(self.rows, buffer, strict=True):
                destination[f"{prefix}{name}.{row}"] = value if keep_vars else value.detach()

    def _load_from_state_dict(  # noqa: PLR0913 - the signature is torch's
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,  # noqa: FBT001
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Stack the rows that the file holds; a missing one is reported under its own name."""
        for name in ("mean", "var"):
            keys = [f"{prefix}{name}.{row}" for row in self.rows]
            missing_keys += [key for key in keys if key not in state_dict]
            stored = zip(keys, self.get_buffer(name), strict=True)
            state_dict[prefix + name] = torch.stack([state_dict.pop(k, v) for k, v in stored])
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
