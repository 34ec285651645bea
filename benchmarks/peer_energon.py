"""Measures nothing itself: Megatron-Energon over our tars, with the index that it wants."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false

import json
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path

from megatron.energon import (
    Cooker,
    DefaultTaskEncoder,
    Sample,
    WorkerConfig,
    basic_sample_keys,
    edataclass,
    get_loader,
    get_train_dataset,
    stateless,
)
from megatron.energon.flavors.webdataset.prepare import WebdatasetPreparator
from torch import Tensor

from benchmarks.peer import BUFFER, Opened, Step, endless, scene_of, tars_of, voxels_of
from ppt_dist.scene.scene import Scene
from ppt_dist.stream.voxelise import Voxelise

_TYPE = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}


@edataclass
class _Scene(Sample):
    scene: Scene


@edataclass
class _Step(Sample):
    name: str
    grid: Tensor
    feat: Tensor
    label: Tensor


@stateless
def _cook(sample: dict[str, object]) -> _Scene:
    return _Scene(**basic_sample_keys(sample), scene=scene_of(sample))


class _Encoder(DefaultTaskEncoder):
    """Transforms where users of the package do: where a sample is encoded."""

    decoder = None
    cookers = (Cooker(_cook),)

    def __init__(self, voxelise: Voxelise) -> None:
        super().__init__()
        self._voxelise = voxelise

    @stateless
    def encode_sample(self, sample: _Scene) -> _Step:
        voxels = voxels_of(sample.scene, self._voxelise)
        return _Step.derive_from(sample, **voxels._asdict())


def opened(folder: Path, voxelise: Voxelise, work: Path) -> Opened:
    """Links to our tars; samples are shuffled within a buffer, and come again without end."""
    prepared = work / "energon"
    _prepare(folder, prepared)

    def start(stack: ExitStack) -> Iterator[Step]:
        scenes = get_train_dataset(
            prepared,
            worker_config=WorkerConfig(rank=0, world_size=1, num_workers=1),
            batch_size=None,
            shuffle_buffer_size=BUFFER,
            max_samples_per_sequence=None,
            task_encoder=_Encoder(voxelise),
        )
        return endless(get_loader(scenes), stack)

    return start


def _prepare(folder: Path, prepared: Path) -> None:
    prepared.mkdir()
    names = [tar.name for tar in tars_of(folder)]
    for name in names:
        (prepared / name).hardlink_to(folder / name)
    with redirect_stdout(StringIO()):
        WebdatasetPreparator.prepare_dataset(
            prepared, names, split_parts_patterns=[("train", ".*")], workers=1
        )
    (prepared / ".nv-meta" / "dataset.yaml").write_text(json.dumps(_TYPE), "utf-8")
