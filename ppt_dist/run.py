"""`RunConfig`: the whole typed tree of a run file; which of its keys may change at a restart."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ppt_dist.journal.retry import Retries
from ppt_dist.model.adapter import AdapterConfig
from ppt_dist.model.backbone import BackboneConfig
from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.model.head import HeadConfig
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.sparse import Backend
from ppt_dist.scene.augment import Augment
from ppt_dist.scene.augment.geometry import Box, Clamp
from ppt_dist.scene.scene import CHANNELS
from ppt_dist.section import HOW, BadInput, Section, read_toml
from ppt_dist.shard.access import Access, Reading
from ppt_dist.shard.cache import CacheConfig
from ppt_dist.shard.place import Place, PlaceKey
from ppt_dist.stream.asked import EraChange, Lots, Weight, check_eras

ROOT_VARIABLE = "PPT_DIST_ROOT"

Channel = Literal["coord", "color", "normal", "height", "strength"]


class DomainUse(Section):
    """A packed domain in this run."""

    shards: Annotated[PlaceKey, HOW]
    """Folder or URL with the domain's manifest, such as ``s3://bucket/packed/scannet``. The
    manifest's digest, not the place, says what it is."""
    weight: Weight
    """How much of this domain beside the others, counted in `lots.unit`; at 0 it takes no part
    until an era gives it a weight."""
    scenes: PositiveInt | None = None
    """Scenes of a lot of this domain; `lots.scenes` where absent."""
    max_epochs: PositiveFloat | None = None
    """Most passes over the domain; it leaves the mixture before the step that would exceed it."""
    grid: PositiveFloat | None = None
    """Edge of a voxel, metres; the recipe's where absent."""
    crop: PositiveInt | None = None
    """Most voxels of a training scene; a larger one is cut to those nearest a random voxel."""
    crop_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Part of a training scene's voxels that is kept, those nearest a random one; before `crop`."""
    quarantine: Annotated[float, Field(ge=0, le=1), HOW] = 0.01
    """Share of the training scenes that may turn out unusable, one at least unless it is 0. Others
    stand in for them; the run stops at one more."""
    box: Box | None = None
    """What the augmentation ``clamp`` keeps this domain's points within."""


class PromptConfig(Section):
    """The learned vector of each domain."""

    length: PositiveInt = 256


class ModelConfig(Section):
    """Prompt, backbone, adapter, head."""

    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = ("color", "normal")
    """Input features, in this order; one that a domain lacks is zero."""
    color_range: Literal["unit", "symmetric"] = "unit"
    """Colours in [0, 1] (Pointcept from v1.6.0), or in [-1, 1] (before, as in released weights)."""
    prompt: PromptConfig = PromptConfig()
    backbone: BackboneConfig
    adapter: AdapterConfig
    head: HeadConfig

    @property
    def in_channels(self) -> int:
        """Width of the input features."""
        return sum(CHANNELS[c] for c in self.channels)


class Rates(Section):
    """Factors on the learning rate, by what a parameter is."""

    prompt: PositiveFloat = 1.0
    """Prompt vectors. The paper trains them at 0.1; the released configurations at 1."""
    modulation: PositiveFloat = 1.0
    """Layers of the adapter that take the prompt in. Likewise."""


Momentum = Annotated[float, Field(gt=0, lt=1)]


class OptimConfig(Section):
    """Optimiser and its schedule, a function of the step."""

    kind: Literal["adamw", "sgd"] = "adamw"
    rate: PositiveFloat
    """Learning rate at the peak of the schedule."""
    decay: NonNegativeFloat = 0.0
    """Weight decay, on every parameter as in the official code."""
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: NonNegativeFloat = 0.9
    momentum_cycle: tuple[Momentum, Momentum] | None = None
    """Momentum at the ends and at the peak of the schedule, in place of ``momentum`` (SGD) and the
    first of ``betas`` (AdamW). The official runs have [0.95, 0.85], as is OneCycle's default."""
    nesterov: bool = True
    clip: PositiveFloat | None = None
    """Largest norm of all gradients together, shared and of domains."""
    rates: Rates = Rates()
    warm_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of the steps in which the rate rises."""
    start_divisor: PositiveFloat = 10.0
    """The rate starts at ``rate / start_divisor``."""
    end_divisor: PositiveFloat = 10_000.0
    """The rate ends at ``rate / start_divisor / end_divisor``."""


class LossConfig(Section):
    """Factors of the terms that are added up."""

    cross_entropy: NonNegativeFloat = 1.0
    """Cross-entropy over the classes of the batch's domain, mean over labelled voxels. For a head
    that draws points to their words, the mean of minus the logit of the right class instead."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A class weighs its frequency in training to the power of minus this; 0 as published. Not in
    ``lovasz``, which weighs classes alike."""
    lovasz: NonNegativeFloat = 0.0
    """Lovasz-softmax, a surrogate of the mean IoU."""
    lovasz_over: Literal["scene", "batch"] = "scene"
    """``scene``: mean over the labelled scenes of the lot. ``batch``: over a rank's micro-lot as
    one, as in the official code; its value depends on the ranks, so there may be only one."""


Stage = Literal["plain", 0, 1, 2, 3]


class EngineConfig(Section):
    """What turns losses into steps, and on how many processes."""

    stage: Stage = 1
    """``plain`` is PyTorch alone; 0 to 3 are DeepSpeed's ZeRO stages."""
    ranks: PositiveInt = 1
    threads: PositiveInt = 1
    """Threads of each rank; part of what makes two runs bit-identical."""
    fetchers: NonNegativeInt = 1
    """Loading processes of each rank; 0 loads inside the rank."""
    ahead_mib: PositiveInt = 256
    """Mebibytes of voxels that a rank's fetchers may have ready or in the making."""
    compare_every: PositiveInt = 100
    """Steps after which the ranks compare what they read with the plan."""
    reading: Reading = "ranges"
    """How shards at a URL are read: records by their range, or ``whole`` tars from start to end,
    for stores without ranges; that needs a cache."""
    cache: CacheConfig | None = None
    """Folder of each machine that keeps records of shards at a URL."""
    retries: Retries = Retries()
    """How patiently shards are read."""
    budget: PositiveInt | None = None
    """Most voxels of a rank in a micro-lot. Lots of which a rank could get more are refused, never
    cut smaller."""
    sparse: Backend = "auto"
    """Sparse convolutions: ``reference`` (plain PyTorch), ``spconv`` (an extra), or ``auto``, which
    is spconv on a GPU where it is installed, else reference."""

    @property
    def access(self) -> Access:
        """How packed domains are read."""
        return Access(self.retries, self.cache, self.reading)


class CheckpointConfig(Section):
    """When checkpoints are written and which stay."""

    every: PositiveInt = 100
    """Steps from one to the next; the last step is always saved."""
    keep: PositiveInt = 3
    """The newest so many stay."""


class RunConfig(Section):
    """A training run from its data to its end."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """The run's folder below ``runs``; the same name continues."""
    order: Literal[1] = 1
    """Version of the data order."""
    seed: NonNegativeInt = 0
    steps: Annotated[PositiveInt, Field(le=10**12)]
    """Optimiser updates."""
    runs: Annotated[Path, HOW] = Path("runs")
    domains: Annotated[dict[str, DomainUse], Field(min_length=1)]
    lots: Lots
    eras: tuple[EraChange, ...] = ()
    """What changes at later steps, in their order: the mixture, or the scenes of a lot."""
    augment: tuple[Augment, ...] = ()
    """Applied to each training scene in this order, before grid sampling."""
    center: bool = True
    """Scenes are put over the origin after the crop and before evaluation; off for sweeps, whose
    coordinates are those of the sensor."""
    model: ModelConfig
    optim: OptimConfig
    loss: LossConfig = LossConfig()
    engine: Annotated[EngineConfig, HOW] = EngineConfig()
    checkpoint: Annotated[CheckpointConfig, HOW] = CheckpointConfig()
    log_every: Annotated[PositiveInt, HOW] = 10
    """Steps from one printed line to the next; events hold every step."""

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.runs / self.name

    def augment_of(self, domain: str) -> tuple[Augment, ...]:
        """The augmentations of a domain: a clamp without a box has the domain's."""
        box = self.domains[domain].box
        return tuple(
            augment.model_copy(update={"box": box})
            if isinstance(augment, Clamp) and augment.box is None
            else augment
            for augment in self.augment
        )

    def what(self) -> dict[str, Any]:
        """Keys that may not change under the same name, as JSON values."""
        return _what(self)


def _what(section: Section) -> dict[str, Any]:
    """The fields that are not marked `HOW`, dumped; sections inside are filtered alike."""
    table: dict[str, Any] = {}
    dumped = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if HOW in field.metadata:
            continue
        if isinstance(value, Section):
            table[name] = _what(value)
        elif isinstance(value, dict):
            table[name] = {k: _what(v) if isinstance(v, Section) else v for k, v in value.items()}
        else:
            table[name] = dumped[name]
    return table


def load_run(path: Path) -> RunConfig:
    """The run file at ``path`` with absolute paths.

    Relative ones start at ``PPT_DIST_ROOT``, or else at the run file's folder.

    Raises:
        BadInput: the file is absent or wrong; names file and key.
    """
    run = read_toml(RunConfig, path)
    root = Path(os.environ.get(ROOT_VARIABLE) or path.parent).resolve()
    check_lots(run)
    check_eras(run.eras, [*run.domains], run.steps, path)
    check_learnable(run)
    _check_boxes(run, path)
    return _absolute(run, root)


def check_lots(run: RunConfig) -> None:
    """Refuse lots that cannot be cut: each rank needs a scene, or a pair, of every micro-lot."""
    lots = run.lots
    sizes = {f"lots.scenes {lots.scenes}": lots.scenes}
    sizes |= {
        f"domains.{n}.scenes {u.scenes}": u.scenes for n, u in run.domains.items() if u.scenes
    }
    sizes |= {f"eras.{i}.scenes {e.scenes}": e.scenes for i, e in enumerate(run.eras) if e.scenes}
    key = min(sizes, key=sizes.__getitem__)
    if lots.micro > sizes[key]:
        raise BadInput(
            f"lots.micro is {lots.micro}, but a lot has {sizes[key]} scenes ({key}): "
            f"use at most {sizes[key]} micro-lots, or larger lots"
        )
    smallest = sizes[key] // lots.micro
    units, what = smallest, f"{smallest} scenes"
    if lots.mix:
        units = -(-smallest // 2)
        what += f", {units} once they are mixed in pairs (lots.mix {lots.mix})"
    if run.engine.ranks > units:
        raise BadInput(
            f"engine.ranks is {run.engine.ranks}, but the smallest micro-lot has {what} "
            f"({key} cut into lots.micro {lots.micro}): "
            f"use at most {units} ranks, or larger lots"
        )


def _check_boxes(run: RunConfig, path: Path) -> None:
    """Refuse a clamp that some domain has no box for."""
    for name in run.domains:
        if any(isinstance(a, Clamp) and a.box is None for a in run.augment_of(name)):
            raise BadInput(
                f"{path}: augment has a clamp without a box, and so has domains.{name}: give it "
                "box = [least x, y, z, greatest x, y, z] in metres"
            )


def check_learnable(run: RunConfig) -> None:
    """Refuse what cannot be learned, or would depend on the number of ranks."""
    if not run.loss.cross_entropy and not run.loss.lovasz:
        raise BadInput("loss.cross_entropy and loss.lovasz are both 0: nothing would be learned")
    if run.loss.lovasz and run.loss.lovasz_over == "batch" and run.engine.ranks > 1:
        raise BadInput(
            f'loss.lovasz_over is "batch", but engine.ranks is {run.engine.ranks}: the loss of a '
            "batch as one is no sum over ranks, so it would change with their number. "
            'Use "scene", or one rank'
        )
    if isinstance(run.model.backbone, SpUNetConfig) and run.model.backbone.encoder_only:
        raise BadInput(
            "model.backbone.encoder_only gives one row a scene, but a run learns a label for each "
            "voxel: leave it out; it is for classifying scenes with the backbone in your own code"
        )


def _absolute(run: RunConfig, root: Path) -> RunConfig:
    domains = {
        name: use.model_copy(update={"shards": _place(root, use.shards)})
        for name, use in run.domains.items()
    }
    engine = run.engine
    if engine.cache:
        cache = engine.cache.model_copy(update={"folder": root / engine.cache.folder})
        engine = engine.model_copy(update={"cache": cache})
    head = run.model.head
    if isinstance(head, LanguageConfig):
        head = head.model_copy(update={"vectors": root / head.vectors})
    model = run.model.model_copy(update={"head": head})
    changes = {"runs": root / run.runs, "domains": domains, "model": model, "engine": engine}
    return run.model_copy(update=changes)


def _place(root: Path, place: Place) -> Place:
    return root / place if isinstance(place, Path) else place
