"""Words to `WordVectors` through an encoder: the template, the union of words, unit length."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

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

    Raises:
        BadInput: there is no word, or the template has no place for it.
    """
    if SLOT not in template:
        raise BadInput(f"template {template!r} has no {SLOT}: write {SLOT} where the word stands")
    ordered = tuple(sorted(set(words)))
    if not ordered:
        raise BadInput("no words: name a recipe with --recipe, or words with --word")
    raw = encoder.encode([template.replace(SLOT, word) for word in ordered])
    unit = raw / np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
    return WordVectors(encoder.name, encoder.version, template, ordered, unit.astype(np.float32))
