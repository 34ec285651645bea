"""Small official state dicts, made by the rules of the official classes, not by our converter."""

import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import tomli_w
import torch
from torch import Tensor

from tests.small_run import write_run_file

FINE, RISING = (4, 8, 12), (6, 10, 12)
"""Channels of stem and encoder; of the decoder from the finest stage, and what it starts from."""
DEPTHS = ((1, 2), (1, 1))
"""Blocks of the stages of encoder and decoder, each from the finest."""
PROMPT = 16


class Official:
    """A state dict in the making, of random weights."""

    def __init__(self, norms: int, seed: int) -> None:
        self.norms = norms
        self.generator = torch.Generator().manual_seed(seed)
        self.state: dict[str, Tensor] = {}

    def draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator) * 0.3

    def add(self, name: str, *shape: int) -> None:
        self.state[name] = self.draw(*shape)

    def norm(self, name: str, channels: int) -> None:
        """Decoupled, with affine and modulation."""
        for i in range(self.norms):
            self.state[f"{name}.bns.{i}.weight"] = self.draw(channels) + 1
            self.add(f"{name}.bns.{i}.bias", channels)
            self.add(f"{name}.bns.{i}.running_mean", channels)
            self.state[f"{name}.bns.{i}.running_var"] = self.draw(channels).square() + 0.5
            self.state[f"{name}.bns.{i}.num_batches_tracked"] = torch.tensor(7 + i)
        self.add(f"{name}.modulation.1.weight", 2 * channels, PROMPT)
        self.add(f"{name}.modulation.1.bias", 2 * channels)

    def blocks(self, name: str, before: int, after: int, depth: int) -> None:
        for b, width in enumerate([before, *[after] * (depth - 1)]):
            if width != after:
                self.add(f"{name}.block{b}.proj_conv.weight", after, 1, 1, 1, width)
                self.norm(f"{name}.block{b}.proj_norm", after)
            self.add(f"{name}.block{b}.conv1.weight", after, 3, 3, 3, width)
            self.norm(f"{name}.block{b}.bn1", after)
            self.add(f"{name}.block{b}.conv2.weight", after, 3, 3, 3, after)
            self.norm(f"{name}.block{b}.bn2", after)

    def halving(self, name: str, before: int, after: int) -> None:
        self.add(f"{name}.conv.weight", after, 2, 2, 2, before)
        self.norm(f"{name}.bn", after)

    def backbone(self) -> None:
        self.add("backbone.conv_input.conv.weight", FINE[0], 5, 5, 5, 6)
        self.norm("backbone.conv_input.bn", FINE[0])
        for s, (finer, coarser) in enumerate(pairwise(FINE)):
            self.halving(f"backbone.down.{s}", finer, coarser)
        for s, (finer, coarser) in enumerate(pairwise(RISING)):
            self.halving(f"backbone.up.{s}", coarser, finer)
        for s, depth in enumerate(DEPTHS[0]):
            self.blocks(f"backbone.enc.{s}", FINE[s + 1], FINE[s + 1], depth)
        for s, depth in enumerate(DEPTHS[1]):
            self.blocks(f"backbone.dec.{s}", RISING[s] + FINE[s], RISING[s], depth)
        self.add("embedding_table.weight", self.norms, PROMPT)


def language_state(
    norms: int = 2, *, table: int = 36, width: int = 384, seed: int = 3
) -> dict[str, Tensor]:
    """PPT-v1m1 with ``table`` words."""
    official = Official(norms, seed)
    official.state["logit_scale"] = torch.tensor(2.5)
    words = official.draw(table, width)
    official.state["class_embedding"] = words / words.norm(dim=1, keepdim=True)
    official.backbone()
    official.add("proj_head.weight", width, RISING[0])
    official.add("proj_head.bias", width)
    return official.state


def decoupled_state(classes: Sequence[int], *, seed: int = 3) -> dict[str, Tensor]:
    """PPT-v1m2 with a head for each condition."""
    official = Official(len(classes), seed)
    official.backbone()
    for k, number in enumerate(classes):
        official.add(f"seg_heads.{k}.weight", number, RISING[0])
        official.add(f"seg_heads.{k}.bias", number)
    return official.state


def write_official_run(
    folder: Path, packed: Path, name: str = "mine", head: dict[str, Any] | None = None
) -> Path:
    """A run over ScanNet and S3DIS whose model is that of `language_state`, or of another head."""
    path = write_run_file(folder, packed, name, 2, stage="plain", ranks=1)
    table = tomllib.loads(path.read_text())
    table["model"] |= {
        "channels": ["color", "normal"],
        "prompt": {"length": PROMPT},
        "adapter": {"affine": True, "zero_init": False},
        "backbone": {
            "stem_channels": FINE[0],
            "encoder_channels": list(FINE[1:]),
            "encoder_depths": list(DEPTHS[0]),
            "decoder_channels": list(RISING[:-1]),
            "decoder_depths": list(DEPTHS[1]),
        },
    }
    table["model"]["head"] = head or table["model"]["head"]
    path.write_text(tomli_w.dumps(table))
    return path
