"""A run's trained model for one process, from a checkpoint alone: no engine, no vector file."""

from torch import Tensor

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.ppt import PPT, build_model
from ppt_dist.run import RunConfig
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.train.checkpoint import Checkpoint
from ppt_dist.train.sources import parts_of

_WORDS = "buffer/head.words."


def restore_model(run: RunConfig, checkpoint: Checkpoint) -> PPT:
    """The model in evaluation mode, its classes and word vectors taken from the checkpoint.

    Raises:
        BadInput: the checkpoint lacks a tensor of the run's model; names it.
    """
    domains = {domain: _labels(run, checkpoint, domain) for domain in run.domains}
    ppt = build_model(parts_of(run), domains, alone, run.seed)
    weights = {name for name, _ in ppt.named_parameters()}
    kinds = {name: "weight" if name in weights else "buffer" for name in ppt.state_dict()}
    ppt.load_state_dict({n: _tensor(checkpoint, f"{kind}/{n}") for n, kind in kinds.items()})
    return ppt.eval()


def _labels(run: RunConfig, checkpoint: Checkpoint, domain: str) -> DomainLabels:
    """The domain's classes, by the manifest where the checkpoint does not tell."""
    labels: LabelSet | None = checkpoint.facts.labels.get(domain)
    if labels is None:
        labels = read_manifest(run.domains[domain].shards).labels
    if not isinstance(run.model.head, LanguageConfig):
        return DomainLabels(labels)
    return DomainLabels(labels, _tensor(checkpoint, _WORDS + domain))


def alone(tensor: Tensor) -> Tensor:
    """Sum over one rank."""
    return tensor


def _tensor(checkpoint: Checkpoint, name: str) -> Tensor:
    if name not in checkpoint.state.tensors:
        raise BadInput(f"checkpoint {checkpoint.name} has no tensor {name!r}: not of this run")
    return checkpoint.state.tensors[name]


def check_data(run: RunConfig, checkpoint: Checkpoint, *domains: str) -> None:
    """Refuse packed data other than the checkpoint was trained on; `BadInput` names the domain.

    Only ``domains`` are looked at where any are given.
    """
    for domain in domains or run.domains:
        use = run.domains[domain]
        if read_manifest(use.shards).digest() != checkpoint.facts.manifests.get(domain):
            raise BadInput(
                f"domains.{domain}: {use.shards} is not the packed data that checkpoint "
                f"{checkpoint.name} was trained on: restore it, or train again"
            )
