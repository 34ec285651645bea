"""What a run file means to the parts below it: domains to sources, configuration to models."""

from collections.abc import Mapping

import torch

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.ppt import Parts
from ppt_dist.run import RunConfig
from ppt_dist.shard.manifest import Manifest
from ppt_dist.stream.plan import LotShape
from ppt_dist.stream.stream import Source
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.text.vectors import look_up, read_vectors
from ppt_dist.train.loss import Criterion, build_criterion, class_weights
from ppt_dist.train.published.aside import imported_words

TRAIN, VALIDATION = "train", "val"
"""The splits that are trained on and evaluated."""


def sources_of(run: RunConfig, manifests: Mapping[str, Manifest]) -> dict[str, Source]:
    """The run's domains as the stream takes them."""
    return {
        name: Source(
            use.shards,
            use.weight,
            voxelise_of(run, name, manifests[name]),
        )
        for name, use in run.domains.items()
    }


def voxelise_of(run: RunConfig, domain: str, manifest: Manifest) -> Voxelise:
    """How the run turns scenes of a domain into voxels."""
    use = run.domains[domain]
    return Voxelise(
        edge=use.grid or manifest.grid,
        channels=run.model.channels,
        color_range=run.model.color_range,
        augment=run.augment_of(domain),
        crop=use.crop,
        crop_share=use.crop_share,
        center=run.center,
    )


def shape_of(run: RunConfig) -> LotShape:
    """How the run cuts its lots."""
    lots = run.lots
    return LotShape(lots.scenes, lots.micro, lots.a_step, lots.mix)


def parts_of(run: RunConfig) -> Parts:
    """What the run's model is made of."""
    model = run.model
    return Parts(model.in_channels, model.prompt.length, model.backbone, model.adapter, model.head)


def labels_of(run: RunConfig, manifests: Mapping[str, Manifest]) -> dict[str, DomainLabels]:
    """What the head is told of each domain; `BadInput` names words without a vector.

    Where weights were imported, their words count, and the file of vectors is not read.
    """
    labels = {name: manifest.labels for name, manifest in manifests.items()}
    if not isinstance(run.model.head, LanguageConfig):
        return {name: DomainLabels(own) for name, own in labels.items()}
    imported = imported_words(run.folder)
    if imported:
        return {name: DomainLabels(own, imported[name]) for name, own in labels.items()}
    words = read_vectors(run.model.head.vectors)
    return {
        name: DomainLabels(own, torch.from_numpy(look_up(words, own)))
        for name, own in labels.items()
    }


def criterion_of(run: RunConfig, manifests: Mapping[str, Manifest]) -> Criterion:
    """The loss, with class weights from the points of the train splits."""
    weights = {
        name: class_weights(manifest.splits[TRAIN].points_by_class, run.loss.balance)
        for name, manifest in manifests.items()
    }
    return build_criterion(run.loss, weights, attracts=run.model.head.attracts)
