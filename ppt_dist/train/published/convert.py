"""Our tensors as the official ones, and back. Every step only moves values, so it is exact."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from ppt_dist.section import BadInput
from ppt_dist.train.published.layout import Layout
from ppt_dist.train.published.names import Place, place_of

Tensors = Mapping[str, Tensor]


def places(names: Iterable[str], layout: Layout) -> dict[str, Place]:
    """Where each of our tensors stands.

    Raises:
        BadInput: some have no place in the official classes; names all of them.
    """
    orders = layout.orders()
    found = {name: place_of(name, orders) for name in names}
    homeless = [name for name, place in found.items() if place is None]
    if homeless:
        listed = "\n".join(f"  {name}" for name in homeless)
        raise BadInput(f"SpUNet-v1m3 with PPT-v1m1 or v1m2 has no place for\n{listed}")
    return {name: place for name, place in found.items() if place is not None}


def publish(ours: Tensors, layout: Layout, kept: Tensors) -> dict[str, Tensor]:
    """Our tensors under official names.

    Args:
        ours: by our names; gradients, or tensors without storage, are converted alike.
        layout: the official model's numbers.
        kept: official tensors that fill the rows of tables that we have not; zeros fill the rest.
    """
    official: dict[str, Tensor] = {}
    for name, (key, view, domain) in places(ours, layout).items():
        value = ours[name]
        if view == "prompt":
            rows = (layout.conditions.index(_condition(layout, domain)),)
            official[key] = _with_rows(
                official, kept, key, len(layout.conditions), rows, value[None]
            )
        elif view == "words":
            size = layout.table or 0
            official[key] = _with_rows(official, kept, key, size, layout.rows_of(domain), value)
        elif view == "point":
            official[key] = value.T.contiguous().view(len(value), 1, 1, 1, -1)
        else:
            official[key] = value
    return official


def adopt(official: Tensors, names: Iterable[str], layout: Layout) -> dict[str, Tensor]:
    """Inverse of `publish`: the official tensors under our ``names``."""
    ours = {}
    for name, (key, view, domain) in places(names, layout).items():
        value = official[key]
        if view == "prompt":
            value = value[layout.conditions.index(_condition(layout, domain))]
        elif view == "words":
            value = value[list(layout.rows_of(domain))]
        elif view == "point":
            value = value.reshape(value.shape[-1], value.shape[0]).T
        ours[name] = value.contiguous()
    return ours


def _with_rows(
    official: Tensors, kept: Tensors, key: str, size: int, rows: tuple[int, ...], value: Tensor
) -> Tensor:
    """The table with ``rows`` written; a row that another domain wrote otherwise is refused."""
    table = official.get(key)
    if table is None:
        known = kept.get(key)
        table = value.new_zeros(size, *value.shape[1:]) if known is None else known.to(value)
    written = table.clone()
    written[list(rows)] = value
    return written


def _condition(layout: Layout, domain: str) -> str:
    return next(c for c, d in layout.domains.items() if d == domain)
