"""`WordVectors`: words with their vectors and what made them, kept as a small safetensors file."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput, Section, parse

_TENSOR = "vectors"


class _Facts(Section):
    """The file's metadata, values as text."""

    format: str
    encoder: str
    version: str
    template: str
    digest: str
    words: str


@dataclass(frozen=True)
class WordVectors:
    """Row ``i`` is the vector of ``words[i]``, of length 1; a row of zeros counts as absent."""

    encoder: str
    version: str
    """Release and weights of the encoder."""
    template: str
    """What the encoder read: the word stands for ``[x]``. Several, a line each: their mean."""
    words: tuple[str, ...]
    vectors: Float32[np.ndarray, "words width"]

    def digest(self) -> str:
        """sha256 over the words and the bytes of their vectors."""
        words = json.dumps(self.words, ensure_ascii=False).encode()
        content = np.ascontiguousarray(self.vectors, dtype="<f4").tobytes()
        return hashlib.sha256(words + content).hexdigest()


def write_vectors(path: Path, vectors: WordVectors) -> None:
    """Write the file; the same vectors give the same bytes."""
    facts = {
        "format": "1",
        "encoder": vectors.encoder,
        "version": vectors.version,
        "template": vectors.template,
        "digest": vectors.digest(),
        "words": json.dumps(vectors.words, ensure_ascii=False),
    }
    array = np.ascontiguousarray(vectors.vectors, dtype="<f4")
    write_durably(path, _sorted_header(save({_TENSOR: array}, metadata=facts)))


def read_vectors(path: Path) -> WordVectors:
    """The vectors in a file.

    Raises:
        BadInput: it is absent, not such a file, or its content does not have its digest.
    """
    try:
        with safe_open(path, framework="np") as file:
            table, array = file.metadata() or {}, file.get_tensor(_TENSOR)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: no word vectors ({error}): make them with ppt-dist text") from None
    facts = parse(_Facts, table, path)
    if facts.format != "1":
        raise BadInput(f"{path}: format {facts.format!r}; this version reads format '1'")
    words = tuple(json.loads(facts.words))
    if array.dtype != np.float32 or array.ndim != 2 or len(array) != len(words):
        raise BadInput(f"{path}: {array.dtype} {array.shape} is not one float32 row for each word")
    vectors = WordVectors(facts.encoder, facts.version, facts.template, words, array)
    if vectors.digest() != facts.digest:
        raise BadInput(f"{path}: damaged: its content does not have the digest that it names")
    return vectors


def look_up(vectors: WordVectors, labels: LabelSet) -> Float32[np.ndarray, "classes width"]:
    """The vector of each class's word.

    Raises:
        BadInput: words are missing or have a row of zeros; names them and how to make them.
    """
    row = {word: i for i, word in enumerate(vectors.words) if vectors.vectors[i].any()}
    missing = [word for word in dict.fromkeys(labels.words) if word not in row]
    if missing:
        options = " ".join(f"--word {shlex.quote(word)}" for word in missing)
        raise BadInput(
            f"no vector of {vectors.encoder} for {', '.join(map(repr, missing))}: make the file "
            f"again with ppt-dist text --encoder {vectors.encoder} --recipe RECIPE {options}"
        )
    return vectors.vectors[[row[word] for word in labels.words]]


def _sorted_header(content: bytes) -> bytes:
    """The file with its header's keys in order: safetensors writes metadata in any order."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":"))
    padded = header.encode() + b" " * (-len(header.encode()) % 8)
    return len(padded).to_bytes(8, "little") + padded + content[8 + size :]
