"""`Layout`: how an official model numbers domains and classes, which its weights do not say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt, model_validator

from ppt_dist.section import Section, read_toml
from ppt_dist.train.published.names import Orders

_PACKAGE = Path(__file__).resolve().parent.parent.parent
SHIPPED = next(
    folder / "published"
    for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs")
    if folder.is_dir()
)
"""Folder of the layouts that come with the package."""

Rows = Mapping[str, tuple[int, ...]]
"""Row of the class table for each class of a condition, in the order of its labels."""


class KnownLayout(Section):
    """A file of `SHIPPED`: the layout of released configurations."""

    format: Literal[1] = 1
    conditions: tuple[str, ...]
    """Of prompts and heads."""
    norm_conditions: tuple[str, ...]
    """Of norms."""
    class_name: tuple[str, ...]
    """Of each row of the class table."""
    valid_index: dict[str, tuple[int, ...]]
    """As released."""
    label_order: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 - pydantic copies it
    """In the order of the labels, where the released one is not."""


class Layout(Section):
    """An official model's numbers, beside the domains of a run."""

    format: Literal[1] = 1
    conditions: tuple[str, ...]
    """Of prompts and heads, in order."""
    norm_conditions: tuple[str, ...]
    """Of norms, in order."""
    domains: dict[str, str]
    """Domain of each condition; one that is not here stays beside the run."""
    rows: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 - pydantic copies it
    """Rows of the class table by condition; none without a table."""
    table: PositiveInt | None = None
    """Rows that the class table has."""
    class_name: tuple[str, ...] = ()
    """Of each row, where known."""

    @model_validator(mode="after")
    def _fits(self) -> "Layout":
        for order in (self.conditions, self.norm_conditions):
            if len(set(order)) < len(order):
                raise ValueError(f"conditions {', '.join(order)}: one stands twice")
        unknown = sorted(self.domains.keys() - set(self.conditions))
        if unknown:
            raise ValueError(
                f"no condition {', '.join(unknown)} among {', '.join(self.conditions)}"
            )
        return self

    def orders(self) -> Orders:
        """The conditions as domains; one without a domain goes by a name that no domain has."""
        wrapper, norm = (
            tuple(self.domains.get(c, f"({c})") for c in order)
            for order in (self.conditions, self.norm_conditions)
        )
        return Orders(wrapper, norm)

    def rows_of(self, domain: str) -> tuple[int, ...]:
        """Row of the class table for each class of ``domain``."""
        condition = next(c for c, d in self.domains.items() if d == domain)
        return self.rows[condition]


def known_layouts() -> list[KnownLayout]:
    """Those of released configurations."""
    return [read_toml(KnownLayout, path) for path in sorted(SHIPPED.glob("*.toml"))]


def fold(name: str) -> str:
    """A condition or a domain as it is compared: ``ScanNet++`` and ``scannet_pp`` are one."""
    return re.sub("[^a-z0-9]", "", name.lower().replace("+", "p"))


def match_domains(conditions: tuple[str, ...], domains: tuple[str, ...]) -> dict[str, str]:
    """Domain of each condition that has one: of the same name, however it is spelt."""
    spelt = {fold(domain): domain for domain in domains}
    return {c: spelt[fold(c)] for c in conditions if fold(c) in spelt}
