"""What a run file means to the parts below it: domains to sources, configuration to models."""

from collections.abc import Mapping, Sequence

import torch

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.ppt import Parts
from ppt_dist.run import RunConfig
from ppt_dist.shard.manifest import Manifest
from ppt_dist.shard.records import Records
from ppt_dist.stream.asked import Asked, EraChange, course_of
from ppt_dist.stream.budget import Sizes, check_budget
from ppt_dist.stream.era import Course
from ppt_dist.stream.explain import Bulk
from ppt_dist.stream.plan import LotShape, Plan
from ppt_dist.stream.stream import Source
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.text.vectors import look_up, read_vectors
from ppt_dist.train.loss import Criterion, build_criterion, class_weights
from ppt_dist.train.published.aside import imported_words

TRAIN, VALIDATION = "train", "val"
"""The splits that are trained on and evaluated."""


def sources_of(run: RunConfig, manifests: Mapping[str, Manifest]) -> dict[str, Source]:
    """The run's domains as the stream takes them."""
    weights = course_of_run(run, manifests).eras[0].weights
    return {
        name: Source(
            use.shards,
            weights.get(name, 0),
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
    return run.lots.shape


def asked_of(run: RunConfig, manifests: Mapping[str, Manifest]) -> dict[str, Asked]:
    """What each domain has to do with the order."""
    splits = {name: manifest.splits[TRAIN] for name, manifest in manifests.items()}
    return {
        name: Asked(
            use.weight, use.scenes, use.max_epochs, splits[name].scenes, splits[name].points
        )
        for name, use in run.domains.items()
    }


def course_of_run(
    run: RunConfig,
    manifests: Mapping[str, Manifest],
    later: Sequence[EraChange] = (),
    skipped: Sequence[int] = (),
) -> Course:
    """The run's eras; ``later`` are those that restarts opened, and ``skipped`` no step takes."""
    asked = asked_of(run, manifests)
    scenes = {era.step: era.scenes for era in run.eras}
    eras = {era.step: era for era in run.eras}
    eras |= {era.step: era.model_copy(update={"scenes": scenes.get(era.step)}) for era in later}
    return course_of(asked, run.lots, [eras[step] for step in sorted(eras)], run.steps, skipped)


def plan_of(
    run: RunConfig,
    records: Mapping[str, Records],
    later: Sequence[EraChange] = (),
    skipped: Sequence[int] = (),
) -> Plan:
    """The order of the run's data.

    Args:
        run: its lots, weights, eras and seed.
        records: the train split of each domain.
        later: eras that restarts opened; at the same step their weights hold instead of the run
            file's.
        skipped: lots that no step takes.

    Raises:
        BadInput: a domain has no scene, a weight is too small, the domains are used up before the
            last step, or a rank could get more voxels than the budget.
    """
    manifests = {name: part.manifest for name, part in records.items()}
    costs = {name: part.cost for name, part in records.items()}
    course = course_of_run(run, manifests, later, skipped)
    plan = Plan(costs, course, shape_of(run), run.seed)
    check_budget(sizes_of(run, plan, records), plan.shape, run.engine.ranks, run.engine.budget)
    return plan


def sizes_of(run: RunConfig, plan: Plan, records: Mapping[str, Records]) -> dict[str, Sizes]:
    """How large the scenes of each domain can be, and how many of them a lot holds."""
    return {
        name: Sizes(
            records[name].points,
            max(segment.scenes for segment in deck.segments),
            run.domains[name].crop,
            run.domains[name].crop_share,
            deck.copies,
        )
        for name, deck in plan.decks.items()
    }


def bulk_of(records: Mapping[str, Records]) -> dict[str, Bulk]:
    """How large the records of each domain's train split are."""
    return {
        name: Bulk(part.points, sum(shard.size for shard in part.manifest.splits[TRAIN].shards))
        for name, part in records.items()
    }


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
