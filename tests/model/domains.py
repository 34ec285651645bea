"""What heads are told of each domain, made up for tests."""

from collections.abc import Mapping

from torch import Tensor

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.scene.labels import LabelSet


def label_set(*names: str) -> LabelSet:
    return LabelSet(names=names, words=names)


def numbered(classes: int) -> LabelSet:
    return label_set(*(f"class {i}" for i in range(classes)))


def with_vectors(vectors: Mapping[str, Tensor]) -> dict[str, DomainLabels]:
    """As many classes as there are vectors."""
    return {name: DomainLabels(numbered(len(rows)), rows) for name, rows in vectors.items()}
