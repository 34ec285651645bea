"""Any text tower of open_clip, from a local weight file or, asked for by name, from its hub.

OpenAI's own CLIP, with which PPT was published, has another activation (QuickGELU) than open_clip's
model of the same size: its weights in a local file are those of ``ViT-B-16-quickgelu``. Weights do
not tell, so the wrong name gives wrong vectors and no error; the hub's facts do, and are followed.
"""

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.torch import load_file

from ppt_dist.section import BadInput, nearest
from ppt_dist.text.encode import Encoder
from ppt_dist.text.torchvision_shim import ensure_torchvision

BATCH = 256
"""Texts that are encoded at once: 200 words in 63 templates would take gigabytes."""


def openclip(name: str, weights: Path) -> Encoder:
    """The text encoder of the open_clip model ``name`` with the weights of a safetensors file.

    Raises:
        BadInput: open_clip knows no such model, or the file does not hold its weights.
    """
    open_clip = _open_clip(name)
    try:
        digest = _sha256(weights)
    except OSError as error:
        raise BadInput(f"--weights {weights}: cannot be read: {error.strerror}") from None
    model = open_clip.create_model(name, pretrained=None, load_weights=False)
    _load(model, weights, name)
    return _encoder(name, model, f"weights sha256 {digest}")


def openclip_from_hub(name: str, tag: str) -> Encoder:
    """The text encoder of the open_clip model ``name`` with the weights that its hub calls ``tag``.

    They are downloaded to the hub's cache, unless they lie there, and never unpickled.

    Raises:
        BadInput: open_clip knows no such model or weights, or they cannot be fetched or read.
    """
    open_clip = _open_clip(name)
    facts = open_clip.get_pretrained_cfg(name, tag)
    if not facts:
        known = open_clip.list_pretrained_tags_by_model(name)
        raise BadInput(f"--pretrained: no weights {tag!r} of {name}: {nearest(tag, known)}")
    try:
        file = Path(open_clip.download_pretrained(facts))
        digest = _sha256(file)
    except (OSError, RuntimeError) as error:
        raise BadInput(
            f"--pretrained {tag}: cannot be fetched ({error!s:.300}): try again where the hub "
            "answers, or bring the weights as a file and name it with --weights"
        ) from None
    quick = bool(facts.get("quick_gelu", False))
    model = open_clip.create_model(
        name, pretrained=None, load_weights=False, force_quick_gelu=quick
    )
    try:
        open_clip.load_checkpoint(model, str(file), weights_only=True)
    except (RuntimeError, UnpicklingError, SafetensorError) as error:
        raise BadInput(f"{file}: not the weights of {name}: {error!s:.300}") from None
    return _encoder(name, model, f"weights {tag} sha256 {digest}")


def check_name(name: str) -> None:
    """`BadInput` where open_clip has no model of this name."""
    _open_clip(name)


def _open_clip(name: str) -> Any:
    """The library; `BadInput` where it has no model of this name."""
    ensure_torchvision()
    import open_clip  # costs three seconds

    if name not in open_clip.list_models():
        raise BadInput(
            f"no encoder {name!r}: {nearest(name, ['minilm', *open_clip.list_models()])}"
        )
    return open_clip


def _encoder(name: str, model: Any, weights: str) -> Encoder:
    tokenize = _open_clip(name).get_tokenizer(name)
    model.eval()

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> Float32[np.ndarray, "texts width"]:
        parts = [model.encode_text(tokenize(list(part))).float() for part in _batches(texts)]
        return torch.cat(parts).numpy()

    release = importlib.metadata.version("open_clip_torch")
    return Encoder(name, f"open_clip_torch {release}, {weights}", encode)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(texts), BATCH):
        yield texts[first : first + BATCH]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(model: torch.nn.Module, weights: Path, name: str) -> None:
    """Fill the model; a pickle is refused, since safetensors alone are read."""
    try:
        model.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise BadInput(f"--weights {weights}: not a safetensors file: {error}") from None
    except RuntimeError as error:
        raise BadInput(f"--weights {weights}: not the weights of {name}: {error!s:.300}") from None
