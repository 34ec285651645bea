"""Classes that were trained against another class's word, as those of S3DIS in released weights.

The released list of S3DIS's words is in the order of the class table, its labels are not
(Pointcept issue 425).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ppt_dist.scene.labels import LabelSet
from ppt_dist.train.published.layout import Layout, fold, known_layouts

Words = Literal["keep", "repair"]
"""``keep``: each class keeps the word it was trained against. ``repair``: it gets its own."""


class Permuted(NamedTuple):
    """A condition whose words are right, and at wrong classes."""

    condition: str
    right: tuple[int, ...]
    """Row of the class table for each class, as it should have been."""
    examples: str
    """How many classes, and which."""


def permuted_words(layout: Layout, labels: Mapping[str, LabelSet]) -> list[Permuted]:
    """The conditions of such words, told by the list of rows or by the classes' names."""
    found = []
    for condition, domain in layout.domains.items():
        rows = layout.rows.get(condition, ())
        right = _released(layout, condition) or _named(layout, labels[domain])
        if right and right != rows and sorted(right) == sorted(rows):
            found.append(Permuted(condition, right, _examples(labels[domain], rows, right)))
    return found


def repaired(layout: Layout, permuted: list[Permuted]) -> Layout:
    """The layout with each class's own word."""
    rows = layout.rows | {found.condition: found.right for found in permuted}
    return layout.model_copy(update={"rows": rows})


def _released(layout: Layout, condition: str) -> tuple[int, ...] | None:
    """The right rows, where a released list is known to be wrong."""
    for known in known_layouts():
        names = {fold(c): c for c in known.label_order}
        name = names.get(fold(condition))
        same_table = layout.table == len(known.class_name)
        if name and same_table and known.valid_index[name] == layout.rows.get(condition):
            return known.label_order[name]
    return None


def _named(layout: Layout, labels: LabelSet) -> tuple[int, ...] | None:
    """The rows that are called like the classes; None where one is not, or two are."""
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(layout.class_name):
        rows.setdefault(fold(name), []).append(i)
    found = [rows.get(fold(word)) or rows.get(fold(name)) or [] for word, name in _pairs(labels)]
    return tuple(r[0] for r in found) if all(len(r) == 1 for r in found) else None


def _pairs(labels: LabelSet) -> list[tuple[str, str]]:
    return list(zip(labels.words, labels.names, strict=True))


def _examples(labels: LabelSet, rows: tuple[int, ...], right: tuple[int, ...]) -> str:
    own = dict(zip(right, labels.names, strict=True))
    wrong = [
        (name, own[row]) for name, row in zip(labels.names, rows, strict=True) if own[row] != name
    ]
    shown = ", ".join(f"{name} against {word}" for name, word in wrong[:3])
    return f"{len(wrong)} of {len(rows)} classes ({shown}, ...)"
