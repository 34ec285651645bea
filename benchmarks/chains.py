"""Measures nothing itself: the published chains, ours and those of a Pointcept checkout."""

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from benchmarks.alike import Cloud
from benchmarks.pointcept import (
    INDOOR,
    OUTDOOR,
    Data,
    Pointcept,
    Step,
    forced,
    mended,
    typed,
)
from ppt_dist.launch.demo import CONFIGS
from ppt_dist.run import load_run
from ppt_dist.scene.augment import Augment
from ppt_dist.scene.augment.geometry import Center, Flip
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.scene import Scene
from ppt_dist.scene.voxel import grid_sample
from ppt_dist.shard.form import PLAIN
from ppt_dist.stream.voxelise import Voxelise, crop


class Chain(NamedTuple):
    """A published chain in both forms."""

    title: str
    voxelise: Voxelise
    theirs: list[tuple[str, Step]]
    collate: Callable[[list[Data]], Data]

    def ours_on(self, scene: Scene, rng: np.random.Generator) -> SceneBatch:
        """The batch of one scene."""
        voxels = self.voxelise.train(scene, rng)
        return SceneBatch.of("benchmark", [voxels], voxels.feat.shape[1])

    def theirs_on(self, data: Data) -> Data:
        """The batch of one scene, whose arrays may be changed."""
        for _, step in self.theirs:
            data = step(data)
        return self.collate([data])

    def mended(self) -> "Chain":
        """The same without Collect's loop over the points."""
        steps = [(n, mended(step) if n == "Collect" else step) for n, step in self.theirs]
        return self._replace(theirs=steps)


class Pair(NamedTuple):
    """A transform in both forms, always applied."""

    title: str
    ours: Callable[[Scene, np.random.Generator], Scene]
    theirs: Step


def indoor(peer: Pointcept) -> Chain:
    """That of ScanNet."""
    run = load_run(CONFIGS / "ppt_sc_st_spunet_released.toml")
    use = run.domains["scannet"]
    voxelise = Voxelise(
        use.grid or 0.02, run.model.channels, "unit", run.augment_of("scannet"), use.crop
    )
    return Chain("indoor", voxelise, peer.chain(INDOOR, "ScanNet"), peer.collate)


def outdoor(peer: Pointcept) -> Chain:
    """That of nuScenes."""
    run = load_run(CONFIGS / "ppt_nu_sk_wa_spunet_language.toml")
    use = run.domains["nuscenes"]
    voxelise = Voxelise(
        use.grid or 0.05, run.model.channels, "unit", run.augment_of("nuscenes"), center=run.center
    )
    return Chain("outdoor", voxelise, peer.chain(OUTDOOR, "NuScenes"), peer.collate)


def pairs_of(chain: Chain) -> list[Pair]:
    """Transforms up to the last one that gives a scene of points, each held against its own."""
    voxelise = chain.voxelise

    def sampled(scene: Scene, rng: np.random.Generator) -> Scene:
        return scene.take(grid_sample(scene.coord, voxelise.edge, rng).chosen)

    def cropped(scene: Scene, rng: np.random.Generator) -> Scene:
        return scene.take(crop(scene.coord, voxelise.crop, rng))

    ours = [*map(_always, voxelise.augment), sampled, cropped, Center(floor=False)]
    named = zip(ours, chain.theirs, strict=False)
    return [
        Pair(name, own, step if name == "RandomFlip" else forced(step))
        for own, (name, step) in named
    ]


def _always(augment: Augment) -> Augment:
    """Applied to every scene; of a flip the share is one of axes and stays."""
    if isinstance(augment, Flip) or "share" not in type(augment).model_fields:
        return augment
    return augment.model_copy(update={"share": 1.0})


def arrays_of(scene: Scene) -> dict[str, np.ndarray]:
    """What a scene has, as in the folder of a preprocessed one."""
    arrays = {name: getattr(scene, name) for name in PLAIN if getattr(scene, name) is not None}
    return {n: a[:, None] if n == "strength" else a for n, a in arrays.items()}


def data_of(scene: Scene) -> Data:
    """A fresh copy as Pointcept's transforms take it."""
    return typed(arrays_of(scene)) | {"name": scene.name, "split": "train"}


def seed_theirs(seed: int) -> None:
    """Both of their global generators."""
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


def cloud_of(scene: Scene) -> Cloud:
    """What is compared of a scene."""
    none = np.zeros((len(scene), 0))
    color = none if scene.color is None else scene.color
    normal = none if scene.normal is None else scene.normal
    return Cloud(scene.coord, color, normal, scene.segment)


def cloud_of_data(data: Data) -> Cloud:
    """The same of a scene of theirs."""
    none = np.zeros((len(data["coord"]), 0))
    return Cloud(data["coord"], data.get("color", none), data.get("normal", none), data["segment"])


def cloud_of_batch(grid: Tensor, feat: Tensor, label: Tensor) -> Cloud:
    """What is compared of a batch, by cells and channels."""
    none = np.zeros((len(label), 0))
    return Cloud(grid.numpy().astype(float), feat.numpy(), none, label.numpy())
