"""Buffers of a model as part of an engine's state."""

from torch import Tensor, nn

from ppt_dist.train.state import EngineState


def buffers(model: nn.Module) -> dict[str, Tensor]:
    """What the state dict holds beside parameters, as ``buffer/<name>``."""
    weights = {name for name, _ in model.named_parameters()}
    return {
        f"buffer/{name}": value.detach().clone()
        for name, value in model.state_dict().items()
        if name not in weights
    }


def load_buffers(model: nn.Module, state: EngineState) -> None:
    """Put the buffers of ``state`` back; the parameters stay."""
    stored = {k.removeprefix("buffer/"): v for k, v in state.tensors.items() if "buffer/" in k}
    model.load_state_dict(stored, strict=False)
