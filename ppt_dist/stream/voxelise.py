"""How a scene becomes voxels: augmented for training, or as it is for evaluation."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, takewhile
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from ppt_dist.scene.augment import Augment
from ppt_dist.scene.augment.colour import TINTS
from ppt_dist.scene.augment.geometry import Center, Clamp
from ppt_dist.scene.rows import squared_distances
from ppt_dist.scene.scene import CHANNELS, Scene
from ppt_dist.scene.voxel import VoxelScene, grid_sample


class Voxelise(NamedTuple):
    """The same for every scene of a domain."""

    edge: float
    """Of a voxel, metres."""
    channels: tuple[str, ...]
    color_range: str
    """``unit`` or ``symmetric``."""
    augment: tuple[Augment, ...] = ()
    crop: int | None = None
    """Most voxels of a training scene."""
    crop_share: float | None = None
    """Part of the voxels that a training scene keeps, before ``crop``."""
    center: bool = True
    """Whether scenes are put over the origin: after the crop, and before evaluation."""

    @property
    def width(self) -> int:
        """Columns of the features."""
        return sum(CHANNELS[name] for name in self.channels)

    def train(self, scene: Scene, rng: np.random.Generator) -> VoxelScene:
        """Augment, sample one random point a voxel, crop, and put the middle back to the origin.

        Steps at the end of the chain that tint each point by itself come after the crop.
        """
        points, pointwise = cut(self.augment)
        scene = self._lean(scene)
        for augment in points:
            scene = augment(scene, rng)
        sample = grid_sample(scene.coord, self.edge, rng)
        kept = self._cropped(scene.coord.take(sample.chosen, axis=0), rng)
        scene = scene.take(sample.chosen[kept])
        for augment in pointwise:
            scene = augment(scene, rng)
        if self.center:
            scene = Center(floor=False)(scene, rng)
        return VoxelScene(
            scene.name, sample.grid.take(kept, axis=0), self.features(scene), scene.segment
        )

    def evaluate(self, scene: Scene) -> VoxelScene:
        """Sample the first point of each voxel; keeps the way back to all points.

        Of the augmentations the clamp to a box is done here too, as in the official validation.
        """
        placed = self.placed(scene)
        sample = grid_sample(placed.coord, self.edge)
        voxels = placed.take(sample.chosen)
        return VoxelScene(
            name=scene.name,
            grid=sample.grid,
            feat=self.features(voxels),
            label=voxels.segment,
            inverse=sample.inverse,
            point_label=scene.segment,
        )

    def placed(self, scene: Scene) -> Scene:
        """The scene where evaluation sees it: over the origin, and within its box."""
        fixed: list[Augment] = [Center()] if self.center else []
        fixed += [augment for augment in self.augment if isinstance(augment, Clamp)]
        for augment in fixed:
            scene = augment(scene, np.random.default_rng(0))
        return scene

    def _lean(self, scene: Scene) -> Scene:
        """The scene without what no channel reads, so that none of it is augmented."""
        return replace(
            scene,
            color=scene.color if "color" in self.channels else None,
            normal=scene.normal if "normal" in self.channels else None,
            strength=scene.strength if "strength" in self.channels else None,
        )

    def _cropped(
        self, coord: Float32[np.ndarray, "voxels 3"], rng: np.random.Generator
    ) -> Int64[np.ndarray, " kept"]:
        """Voxels that are left of a training scene."""
        if self.crop_share is None:
            return crop(coord, self.crop, rng)
        kept = crop(coord, max(int(self.crop_share * len(coord)), 1), rng)
        return kept[crop(coord.take(kept, axis=0), self.crop, rng)]

    def features(self, scene: Scene) -> Float32[np.ndarray, "voxels channels"]:
        """What the net is told of points that stand for their voxels."""
        columns = [self._channel(scene, name) for name in self.channels]
        return np.concatenate(columns, axis=1, dtype=np.float32)

    def _channel(self, scene: Scene, name: str) -> Float32[np.ndarray, "voxels width"]:
        """One channel; zeros where the scene lacks it."""
        if name == "color" and scene.color is not None:
            level = scene.color.astype(np.float32)
            return level / 255 if self.color_range == "unit" else level / np.float32(127.5) - 1
        if name == "normal" and scene.normal is not None:
            return scene.normal
        if name == "coord":
            return scene.coord
        if name == "strength" and scene.strength is not None:
            return scene.strength[:, None]
        if name == "height":
            return scene.coord[:, 2:] - scene.coord[:, 2].min(initial=np.inf)
        return np.zeros((len(scene), CHANNELS[name]), np.float32)


def cut(
    augments: tuple[Augment, ...],
) -> tuple[tuple[Augment, ...], tuple[Augment, ...]]:
    """A chain up to its last steps that only tint each point by itself, and those.

    On the points that are kept those have the distribution that they have on all, and fewer are
    kept.
    """
    last = list(takewhile(lambda augment: isinstance(augment, TINTS), reversed(augments)))
    return augments[: len(augments) - len(last)], tuple(reversed(last))


def crop(
    coord: Float32[np.ndarray, "voxels 3"], most: int | None, rng: np.random.Generator
) -> Int64[np.ndarray, " kept"]:
    """The ``most`` voxels nearest to a random one (Pointcept's SphereCrop), in their order.

    Of those that are equally far at the rim the first are kept.
    """
    if most is None or len(coord) <= most:
        return np.arange(len(coord))
    distance = squared_distances(coord, coord[rng.integers(len(coord))])
    farthest = np.partition(distance, most - 1)[most - 1]
    kept = distance < farthest
    kept[np.flatnonzero(distance == farthest)[: most - np.count_nonzero(kept)]] = True
    return np.flatnonzero(kept)


def scene_generator(seed: int, domain: str, epoch: int, scene: str) -> np.random.Generator:
    """The generator of one scene in one epoch; it depends on nothing else."""
    return _generator(seed, "augment", domain, epoch, scene)


def pair_generator(
    seed: int, domain: str, scenes: Sequence[tuple[int, str]]
) -> np.random.Generator:
    """The generator of two scenes, each with its epoch, that are mixed."""
    return _generator(seed, "mix", domain, *chain(*scenes))


def _generator(*parts: int | str) -> np.random.Generator:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
