"""Words to `WordVectors` through an encoder: templates, the union of words, unit length."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64

from ppt_dist.section import BadInput
from ppt_dist.text.vectors import WordVectors

SLOT = "[x]"
"""Where the word stands in a template; alone, the bare name, as PPT was published."""


class Encoder(NamedTuple):
    """A text encoder with what names it."""

    name: str
    version: str
    encode: Callable[[Sequence[str]], Float32[np.ndarray, "texts width"]]


def encode_words(encoder: Encoder, words: Iterable[str], template: str) -> WordVectors:
    """One vector of length 1 for each different word, in alphabetical order.

    Several templates, a line each, give the mean of their unit vectors, scaled to length 1
    (prompt ensembling in the space of embeddings: Radford et al. 2021, arXiv 2103.00020, 3.1.4).

    Raises:
        BadInput: there is no word, or a template has no place for it.
    """
    templates = template.splitlines()
    for one in templates or [template]:
        if SLOT not in one:
            raise BadInput(f"template {one!r} has no {SLOT}: write {SLOT} where the word stands")
    ordered = tuple(sorted(set(words)))
    if not ordered:
        raise BadInput("no words: name a recipe with --recipe, or words with --word")
    texts = [one.replace(SLOT, word) for one in templates for word in ordered]
    by_template = _unit(encoder.encode(texts)).reshape(len(templates), len(ordered), -1)
    unit = by_template[0] if len(templates) == 1 else _unit(by_template.mean(axis=0))
    read = "\n".join(templates)
    return WordVectors(encoder.name, encoder.version, read, ordered, unit.astype(np.float32))


def _unit(raw: Float[np.ndarray, "rows width"]) -> Float64[np.ndarray, "rows width"]:
    """Rows of length 1, but for those of zeros, which stay."""
    length = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    return raw / np.where(length > 0, length, 1)
