"""Any text tower of open_clip, from a local weight file; ViT-B-16 is the production encoder."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.torch import load_file

from ppt_dist.section import BadInput, nearest
from ppt_dist.text.encode import Encoder
from ppt_dist.text.torchvision_shim import ensure_torchvision


def openclip(name: str, weights: Path) -> Encoder:
    """The text encoder of the open_clip model ``name`` with the weights of a safetensors file.

    Raises:
        BadInput: open_clip knows no such model, or the file does not hold its weights.
    """
    ensure_torchvision()
    import open_clip  # costs three seconds

    if name not in open_clip.list_models():
        raise BadInput(
            f"no encoder {name!r}: {nearest(name, ['minilm', *open_clip.list_models()])}"
        )
    digest = _sha256(weights)
    model = open_clip.create_model(name, pretrained=None, load_weights=False)
    _load(model, weights, name)
    model.eval()
    tokenize = open_clip.get_tokenizer(name)

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> Float32[np.ndarray, "texts width"]:
        tokens = tokenize(list(texts))
        return model.encode_text(tokens).float().numpy()  # pyright: ignore[reportCallIssue]

    release = importlib.metadata.version("open_clip_torch")
    return Encoder(name, f"open_clip_torch {release}, weights sha256 {digest}", encode)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"--weights {path}: cannot be read: {error.strerror}") from None


def _load(model: torch.nn.Module, weights: Path, name: str) -> None:
    """Fill the model; a pickle is refused, since safetensors alone are read."""
    try:
        model.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise BadInput(f"--weights {weights}: not a safetensors file: {error}") from None
    except RuntimeError as error:
        raise BadInput(f"--weights {weights}: not the weights of {name}: {error!s:.300}") from None
