"""Packed scenes as evaluation reads them: a split of every domain of a run, voxelised on demand."""

from ppt_dist.run import DomainUse, RunConfig
from ppt_dist.scene.scene import CHANNELS
from ppt_dist.shard.records import Records
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.evaluate import EvalScenes
from ppt_dist.train.look import Look


def open_scenes(run: RunConfig, split: str, channels: tuple[str, ...]) -> dict[str, EvalScenes]:
    """Scenes of ``split`` by domain, at the run's grid and with ``channels`` as features."""
    return {
        domain: _open(use, split, channels, run.model.color_range)
        for domain, use in run.domains.items()
    }


def _open(use: DomainUse, split: str, channels: tuple[str, ...], color_range: str) -> EvalScenes:
    records = Records.open(use.shards, split)
    edge = use.grid or records.manifest.grid
    voxelise = Voxelise(edge, channels, color_range)
    return EvalScenes(
        labels=records.manifest.labels,
        channels=sum(CHANNELS[name] for name in channels),
        count=len(records),
        read=lambda i: voxelise.evaluate(records[i]),
        look=lambda i, prediction: Look.of(records[i], prediction, edge),
        names=records.names,
    )
