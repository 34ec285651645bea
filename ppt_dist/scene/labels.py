"""`LabelSet`: a domain's ordered class names, and the words that a text encoder is asked for.

`LabelUnion`: the classes of several domains in one row.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import model_validator

from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.section import Section


class LabelSet(Section):
    """Class ``i`` is called ``names[i]``; the text encoder sees ``words[i]``."""

    names: tuple[str, ...]
    words: tuple[str, ...]

    @model_validator(mode="after")
    def _well_formed(self) -> "LabelSet":
        if len(self.names) != len(self.words):
            raise ValueError(f"{len(self.names)} names but {len(self.words)} words")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"class names {repeated} stand twice")
        return self

    def __len__(self) -> int:
        return len(self.names)

    def outside(self, lowest: int, highest: int) -> bool:
        """Whether segments from ``lowest`` to ``highest`` leave the table."""
        return lowest < UNLABELLED or highest >= len(self.names)


class LabelUnion(NamedTuple):
    """All classes of some domains, and which of them are a domain's own."""

    names: tuple[str, ...]
    """As the domains and their label sets are ordered, each once."""
    columns: Mapping[str, tuple[int, ...]]
    """Place of each class of a domain, in its label order."""


def union_of(domains: Mapping[str, LabelSet], *, share: bool) -> LabelUnion:
    """The union of the domains' classes.

    Args:
        domains: label set of each.
        share: classes of the same name are one; else each is its own, called ``domain/name``.
    """
    called = {
        domain: tuple(name if share else f"{domain}/{name}" for name in labels.names)
        for domain, labels in domains.items()
    }
    names = tuple(dict.fromkeys(name for own in called.values() for name in own))
    place = {name: i for i, name in enumerate(names)}
    return LabelUnion(names, {d: tuple(place[name] for name in own) for d, own in called.items()})
