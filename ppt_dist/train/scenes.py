"""Packed scenes as evaluation reads them: a split of every domain of a run, voxelised on demand."""

from ppt_dist.run import RunConfig
from ppt_dist.scene.scene import CHANNELS
from ppt_dist.shard.records import Records
from ppt_dist.train.evaluate import EvalScenes
from ppt_dist.train.look import Look
from ppt_dist.train.sources import voxelise_of


def open_scenes(run: RunConfig, split: str, channels: tuple[str, ...]) -> dict[str, EvalScenes]:
    """Scenes of ``split`` by domain, at the run's grid and with ``channels`` as features."""
    return {domain: _open(run, domain, split, channels) for domain in run.domains}


def _open(run: RunConfig, domain: str, split: str, channels: tuple[str, ...]) -> EvalScenes:
    records = Records.open(run.domains[domain].shards, split, run.engine.access)
    voxelise = voxelise_of(run, domain, records.manifest)._replace(channels=channels)
    return EvalScenes(
        labels=records.manifest.labels,
        channels=sum(CHANNELS[name] for name in channels),
        count=len(records),
        read=lambda i: voxelise.evaluate(records[i]),
        look=lambda i, prediction: Look.of(records[i], prediction, voxelise.edge),
        names=records.names,
    )
