"""What a run was tested on, scene by scene: kept under a key of all that the result depends on.

``<run>/test/<checkpoint>-<domain>-<split>-<protocol>-<key>/`` holds ``what.json``, which the key is
a digest of; ``scenes/<scene>.npy``, the class of each point (int16) in the packed order, each with
a note ``<scene>.json`` that is written after it; and ``test.json``, the figures, written last.
Pointcept keeps ``<scene>_pred.npy`` without a key and takes an old one for the new.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Int16

from ppt_dist.journal.durable import write_durably
from ppt_dist.scene.augment.pose import Pose
from ppt_dist.section import BadInput, Section, parse

TESTS = "test"
"""Folder of the tests below a run's folder."""
WHAT, FIGURES, SCENES = "what.json", "test.json", "scenes"


class Asked(Section):
    """All that the prediction of a domain's scenes depends on, but for the scenes."""

    format: Literal[1] = 1
    """Raised when the same question gets another answer from a later version."""
    checkpoint: str
    digest: str
    """Of the checkpoint."""
    run: str
    """Digest of what the run file says is trained."""
    domain: str
    split: str
    manifest: str
    """Digest of the packed data."""
    protocol: str
    poses: tuple[Pose, ...]
    before: float | None
    """Edge of the cells that scenes are thinned to first, metres."""
    most: int
    """Voxels of a forward."""
    margin: int
    """Cells that tiles overlap by, where a scene has more."""

    @property
    def key(self) -> str:
        """Sixteen digits of the sha256 of what is asked."""
        return hashlib.sha256(self.content()).hexdigest()[:16]

    def content(self) -> bytes:
        """Canonical JSON."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1) + "\n").encode()

    def folder(self, run: Path) -> Path:
        """Where the answers are."""
        parts = (self.checkpoint, self.domain, self.split, self.protocol, self.key)
        return run / TESTS / "-".join(parts)


class Scan(NamedTuple):
    """A packed scene, as its prediction is of it."""

    name: str
    crc32: int
    """Of its record."""
    points: int


class _Note(Section):
    key: str
    scene: str
    crc32: int
    points: int
    sha256: str
    """Of the file with the prediction."""


def claim_tests(run: Path, asked: Asked) -> Path:
    """The folder of the answers, made where it was not.

    Raises:
        BadInput: what is there is of another question.
    """
    folder = asked.folder(run)
    path = folder / WHAT
    if not path.exists():
        write_durably(path, asked.content())
    if path.read_bytes() != asked.content():
        raise BadInput(f"{path} is not what its folder is called after: remove {folder}")
    return folder


def kept(folder: Path, asked: Asked, scan: Scan) -> Int16[np.ndarray, " points"] | None:
    """The prediction of a scene, or None where there is none, or one that is damaged or foreign."""
    path = folder / SCENES / f"{scan.name}.npy"
    try:
        content = path.read_bytes()
        table = json.loads(path.with_suffix(".json").read_bytes())
        note = parse(_Note, table, path)
    except (FileNotFoundError, ValueError):  # BadInput and what is no JSON are among the latter
        return None
    if note != _note(asked, scan, content):
        return None
    return np.load(io.BytesIO(content), allow_pickle=False)


def keep(folder: Path, asked: Asked, scan: Scan, prediction: Int16[np.ndarray, " points"]) -> None:
    """Write the prediction of a scene, and then that it is there."""
    buffer = io.BytesIO()
    np.save(buffer, prediction, allow_pickle=False)
    path = folder / SCENES / f"{scan.name}.npy"
    write_durably(path, buffer.getvalue())
    note = _note(asked, scan, buffer.getvalue()).model_dump(mode="json")
    write_durably(path.with_suffix(".json"), (json.dumps(note) + "\n").encode())


def write_figures(folder: Path, asked: Asked, table: dict[str, Any]) -> dict[str, Any]:
    """Write ``test.json`` and return what it holds."""
    names = ("format", "checkpoint", "digest", "domain", "split", "protocol")
    facts = {name: getattr(asked, name) for name in names}
    whole = facts | {"key": asked.key, "poses": len(asked.poses)} | table
    content = json.dumps(whole, indent=1, allow_nan=False) + "\n"
    write_durably(folder / FIGURES, content.encode())
    return whole


def _note(asked: Asked, scan: Scan, content: bytes) -> _Note:
    digest = hashlib.sha256(content).hexdigest()
    return _Note(
        key=asked.key, scene=scan.name, crc32=scan.crc32, points=scan.points, sha256=digest
    )
