"""SparseUNet (SpUNet-v1m3): a residual U-Net of sparse convolutions with the adapter's norms."""

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Float, Int32, Int64
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ppt_dist.model.adapter.adapter import Adapter, Place
from ppt_dist.model.prompt import Prompt
from ppt_dist.model.sparse import Map, stride2_map, submanifold_map
from ppt_dist.model.sparse.modules import Stride2Conv, SubmanifoldConv
from ppt_dist.section import Section

Counts = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class SpUNetConfig(Section):
    """Widths and depths; the defaults are the published model's."""

    kind: Literal["spunet"] = "spunet"
    stem_channels: PositiveInt = 32
    stem_kernel: Literal[3, 5] = 5
    encoder_channels: Counts = (32, 64, 128, 256)
    encoder_depths: Counts = (2, 3, 4, 6)
    """Residual blocks of each stage."""
    decoder_channels: Counts = (96, 96, 128, 256)
    """From the finest stage to the coarsest."""
    decoder_depths: Counts = (2, 2, 2, 2)
    encoder_only: bool = False
    """No decoder: one row a scene, the mean over its coarsest voxels (for classifying scenes)."""
    final_channels: NonNegativeInt = 0
    """Width of a linear layer (with bias) behind all; 0: none, as under a head."""

    @model_validator(mode="after")
    def _same_stages(self) -> "SpUNetConfig":
        lengths = {
            len(self.encoder_channels),
            len(self.encoder_depths),
            len(self.decoder_channels),
            len(self.decoder_depths),
        }
        if len(lengths) > 1:
            raise ValueError("encoder and decoder channels and depths must have equal lengths")
        return self

    def build(self, in_channels: int, adapter: Adapter) -> "SparseUNet":
        """The backbone for features of ``in_channels``."""
        return SparseUNet(self, in_channels, adapter)


class Pyramid(NamedTuple):
    """The maps of all levels, from the finest to the coarsest, which all layers share."""

    neighbours: list[Map]
    """Kernel 3 within each level, one more than there are stages."""
    parents: list[Map]
    """From each level but the last to the next coarser one."""
    scene: Tensor
    """Of each voxel of the coarsest level."""


def pyramid(
    grid: Int32[Tensor, "voxels 3"], scene: Int64[Tensor, " voxels"], stages: int
) -> Pyramid:
    """The maps of ``stages`` halvings."""
    neighbours, parents = [submanifold_map(grid, scene, 3)], []
    for _ in range(stages):
        grid, scene, up = stride2_map(grid, scene)
        parents.append(up)
        neighbours.append(submanifold_map(grid, scene, 3))
    return Pyramid(neighbours, parents, scene)


class SparseUNet(nn.Module):
    """Stem, encoder stages that halve the resolution, decoder stages that restore it."""

    def __init__(self, config: SpUNetConfig, in_channels: int, adapter: Adapter) -> None:
        super().__init__()
        widths = (config.stem_channels, *config.encoder_channels)
        stages = range(len(config.encoder_channels))
        self.stem_kernel = config.stem_kernel
        self.stem = SubmanifoldConv(in_channels, config.stem_channels, config.stem_kernel)
        self.stem_norm = adapter.norm(config.stem_channels, "stem")
        build = _Builder(adapter, "encoder")
        self.encoder = nn.ModuleList(
            build.stage(widths[s], 0, widths[s + 1], config.encoder_depths[s]) for s in stages
        )
        rising = (*config.decoder_channels, widths[-1])
        build = _Builder(adapter, "decoder")
        self.decoder = nn.ModuleList(
            build.stage(rising[s + 1], widths[s], rising[s], config.decoder_depths[s])
            for s in stages
            if not config.encoder_only
        )
        width = widths[-1] if config.encoder_only else rising[0]
        self.final = nn.Linear(width, config.final_channels) if config.final_channels else None
        if self.final is not None:
            nn.init.trunc_normal_(self.final.weight, std=0.02)
            nn.init.zeros_(self.final.bias)
        self.encoder_only = config.encoder_only
        self.out_channels = config.final_channels or width

    def forward(
        self,
        grid: Int32[Tensor, "voxels 3"],
        scene: Int64[Tensor, " voxels"],
        feat: Float[Tensor, "voxels channels"],
        prompt: Prompt,
    ) -> Float[Tensor, "rows out"]:
        """Features of every voxel; with ``encoder_only`` of every scene up to the last with voxels.

        Zero voxels pass through all modules alike.
        """
        near, parents, coarsest = pyramid(grid, scene, len(self.encoder))
        stem_map = near[0] if self.stem_kernel == 3 else submanifold_map(grid, scene, 5)
        x = self.stem_norm(self.stem(feat, stem_map), prompt).relu()
        skips = []
        for stage, down, coarse in zip(self.encoder, parents, near[1:], strict=True):
            skips.append(x)
            x = stage(x, None, down, coarse, prompt)
        for s in reversed(range(len(self.decoder))):
            x = self.decoder[s](x, skips[s], parents[s].reversed(), near[s], prompt)
        if self.final is not None:
            x = self.final(x)
        return _mean_by_scene(x, coarsest) if self.encoder_only else x


def _mean_by_scene(
    feat: Float[Tensor, "voxels channels"], scene: Int64[Tensor, " voxels"]
) -> Float[Tensor, "scenes channels"]:
    """Zero for a scene without voxels."""
    scenes = int(scene.max()) + 1 if len(scene) else 0
    total = feat.new_zeros(scenes, feat.shape[1]).index_add(0, scene, feat)
    return total / torch.bincount(scene, minlength=scenes).clamp(min=1).to(feat)[:, None]


class _Builder(NamedTuple):
    """Builds the stages of one place."""

    adapter: Adapter
    place: Place

    def norm(self, channels: int) -> nn.Module:
        return self.adapter.norm(channels, self.place)

    def stage(
        self, in_channels: int, skip_channels: int, out_channels: int, depth: int
    ) -> "_Stage":
        return _Stage(in_channels, skip_channels, out_channels, depth, self)


class _Stage(nn.Module):
    """A change of resolution, then residual blocks; a decoder's stage joins the skip in between."""

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, depth: int, build: _Builder
    ) -> None:
        super().__init__()
        self.enter = build.adapter.stage(in_channels, build.place)
        self.conv = Stride2Conv(in_channels, out_channels)
        self.norm = build.norm(out_channels)
        widths = (out_channels + skip_channels, *[out_channels] * depth)
        self.blocks = nn.ModuleList(_Block(a, b, build) for a, b in pairwise(widths))

    def forward(
        self, x: Tensor, skip: Tensor | None, parents: Map, neighbours: Map, prompt: Prompt
    ) -> Tensor:
        if self.enter is not None:
            x = self.enter(x, prompt)
        x = self.norm(self.conv(x, parents), prompt).relu()
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        for block in self.blocks:
            x = block(x, neighbours, prompt)
        return x


class _Block(nn.Module):
    """Two convolutions around a residual, which is projected where the width changes."""

    def __init__(self, in_channels: int, out_channels: int, build: _Builder) -> None:
        super().__init__()
        self.enter = build.adapter.block(in_channels, build.place)
        self.first = SubmanifoldConv(in_channels, out_channels, 3)
        self.first_norm = build.norm(out_channels)
        self.second = SubmanifoldConv(out_channels, out_channels, 3)
        self.second_norm = build.norm(out_channels)
        changes = in_channels != out_channels
        self.project = nn.Linear(in_channels, out_channels, bias=False) if changes else None
        self.project_norm = build.norm(out_channels) if changes else None
        if self.project is not None:
            nn.init.trunc_normal_(self.project.weight, std=0.02)

    def forward(self, x: Tensor, neighbours: Map, prompt: Prompt) -> Tensor:
        if self.enter is not None:
            x = self.enter(x, prompt)
        y = self.first_norm(self.first(x, neighbours), prompt).relu()
        y = self.second_norm(self.second(y, neighbours), prompt)
        if self.project is not None and self.project_norm is not None:
            x = self.project_norm(self.project(x), prompt)
        return (x + y).relu()
