"""`fresh_layout`: the official numbers of a model that was trained here from the start."""

from collections.abc import Mapping

from ppt_dist.run import RunConfig
from ppt_dist.scene.labels import LabelSet
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.train.published.convert import Tensors
from ppt_dist.train.published.layout import KnownLayout, Layout, fold, known_layouts


def fresh_layout(run: RunConfig, ours: Tensors) -> Layout:
    """The released layout of the run's domains; else the domains in the run's order.

    A class has its own word: the list of S3DIS is the right one, not the released one.

    Raises:
        BadInput: the packed data is gone, whose class names are needed.
    """
    labels = {name: read_manifest(use.shards).labels for name, use in run.domains.items()}
    words = any(name.startswith("head.words.") for name in ours)
    for known in known_layouts():
        layout = _as_known(known, labels)
        if layout is not None:
            return layout if words else layout.model_copy(update=_NO_TABLE)
    layout = _own(labels)
    return layout if words else layout.model_copy(update=_NO_TABLE)


_NO_TABLE = {"rows": {}, "table": None, "class_name": ()}


def _as_known(known: KnownLayout, labels: Mapping[str, LabelSet]) -> Layout | None:
    """The known layout, where it knows the domains and each of their classes by name."""
    domain_of = {fold(domain): domain for domain in labels}
    conditions = [c for c in known.conditions if fold(c) in domain_of]
    if len(conditions) < len(labels):
        return None
    rows = {}
    for c in conditions:
        rows[c] = known.label_order.get(c, known.valid_index[c])
        called = [fold(known.class_name[row]) for row in rows[c]]
        own = labels[domain_of[fold(c)]]
        if called not in ([fold(n) for n in own.names], [fold(w) for w in own.words]):
            return None
    return Layout(
        conditions=tuple(conditions),
        norm_conditions=tuple(c for c in known.norm_conditions if c in conditions),
        domains={c: domain_of[fold(c)] for c in conditions},
        rows=rows,
        table=len(known.class_name),
        class_name=known.class_name,
    )


def _own(labels: Mapping[str, LabelSet]) -> Layout:
    """Conditions called as the domains; a row for each word, in order of appearance."""
    words = tuple(dict.fromkeys(word for own in labels.values() for word in own.words))
    place = {word: i for i, word in enumerate(words)}
    return Layout(
        conditions=tuple(labels),
        norm_conditions=tuple(labels),
        domains={name: name for name in labels},
        rows={name: tuple(place[word] for word in own.words) for name, own in labels.items()},
        table=len(words),
        class_name=words,
    )
