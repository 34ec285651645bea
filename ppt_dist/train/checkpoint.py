"""`CheckpointStore`: safetensors and JSON that exist once ``COMMIT.json``, written last, exists."""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ppt_dist.journal.durable import sync, write_durably
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput, S, Section, nearest, parse
from ppt_dist.stream.state import PlanState
from ppt_dist.train.state import EngineState

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints below a run's folder."""

TENSORS, STATE, COMMIT = "tensors.safetensors", "state.json", "COMMIT.json"

_NAME = re.compile(r"step-\d{8,}")


class CheckpointFacts(Section):
    """What a checkpoint says of the run that wrote it."""

    order: int
    """Version of the data order."""
    ledger: str
    """Digest of the ledger's first `ledger_entries`."""
    ledger_entries: int = 0
    plan: PlanState | None = None
    """Where the order of the data stood."""
    what: dict[str, Any]
    """Keys of the run file that may not change under the same name."""
    manifests: dict[str, str]
    """Digest of each domain's manifest."""
    labels: dict[str, LabelSet] = Field(default_factory=dict)
    """Of each domain, so that a model is built where its packed data are not at hand."""
    attempt: int


class Checkpoint(NamedTuple):
    """A checkpoint whose every byte was compared with its hash."""

    name: str
    step: int
    """Updates taken."""
    state: EngineState
    facts: CheckpointFacts
    digest: str
    """sha256 over the hashes of its files."""


class _File(Section):
    size: int
    sha256: str


class _Commit(Section):
    format: Literal[1] = 1
    attempt: int
    files: dict[str, _File]


class _State(Section):
    format: Literal[1] = 1
    step: int
    counts: dict[str, int]
    facts: CheckpointFacts


class CheckpointStore(NamedTuple):
    """``<run>/checkpoints/step-00001200/``; one process writes, any number read."""

    run: Path
    """The run's folder."""
    keep: int
    """The newest so many stay."""
    on_fault: Callable[[str], object] = logging.getLogger(__name__).warning
    """Told which checkpoint is damaged and why."""

    @property
    def folder(self) -> Path:
        """Holds one folder for each checkpoint."""
        return self.run / CHECKPOINTS

    def names(self) -> list[str]:
        """Committed checkpoints, oldest first, damaged ones among them."""
        found = [path.parent.name for path in self.folder.glob(f"*/{COMMIT}")]
        return sorted((name for name in found if _NAME.fullmatch(name)), key=step_of)

    def save(self, step: int, state: EngineState, facts: CheckpointFacts) -> str:
        """Write the checkpoint of ``step`` and return its name.

        Then remove the oldest beyond ``keep``, what crashed saves left, and checkpoints of later
        steps: training came here from an earlier one, so those were damaged.
        """
        self._remove([path.name for path in self.folder.glob("step-*")], lambda n: not self._has(n))
        name = name_of(step)
        folder = self.folder / name
        self._remove([name], self._has)
        folder.mkdir(parents=True)
        sync(self.folder)
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.tensors.items()}
        save_file(tensors, folder / TENSORS)
        sync(folder / TENSORS)
        inner = _State(step=step, counts=state.counts, facts=facts)
        write_durably(folder / STATE, _json(inner))
        files = {file: _measure(folder / file) for file in (TENSORS, STATE)}
        write_durably(folder / COMMIT, _json(_Commit(attempt=facts.attempt, files=files)))
        self._retain(step)
        return name

    def newest(self) -> Checkpoint | None:
        """The newest that is whole, or None; each damaged one on the way is told to `on_fault`."""
        for name in reversed(self.names()):
            try:
                return self.load(name)
            except BadInput as error:
                self.on_fault(f"{error}; the previous checkpoint is tried")
        return None

    def load(self, name: str) -> Checkpoint:
        """The checkpoint called ``name``.

        Raises:
            BadInput: there is none of this name, or it is damaged; names the file and the reason.
        """
        if name not in self.names():
            raise BadInput(f"{self.folder}: no checkpoint {name!r}: {nearest(name, self.names())}")
        folder = self.folder / name
        commit = _read_json(_Commit, folder / COMMIT)
        if commit.files.keys() != {TENSORS, STATE}:
            raise BadInput(f"{folder / COMMIT}: names {sorted(commit.files)}: damaged")
        for file, written in commit.files.items():
            _compare(folder / file, written)
        state = _read_json(_State, folder / STATE)
        try:
            tensors = load_file(folder / TENSORS)
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{folder / TENSORS}: not safetensors: {error}") from None
        digest = hashlib.sha256(_json(commit)).hexdigest()
        return Checkpoint(name, state.step, EngineState(tensors, state.counts), state.facts, digest)

    def _has(self, name: str) -> bool:
        return (self.folder / name / COMMIT).exists()

    def _retain(self, step: int) -> None:
        names = self.names()
        stay = [name for name in names if step_of(name) <= step][-self.keep :]
        self._remove(names, lambda name: name not in stay)

    def _remove(self, names: list[str], which: Callable[[str], bool]) -> None:
        """Remove those chosen, ``COMMIT.json`` first: the rest of one does not exist."""
        for name in names:
            folder = self.folder / name
            if _NAME.fullmatch(name) and folder.is_dir() and which(name):
                (folder / COMMIT).unlink(missing_ok=True)
                sync(folder)
                shutil.rmtree(folder)


def newest_step(run: Path) -> int:
    """Updates that the newest committed checkpoint below a run's folder has; 0 without one."""
    return max(map(step_of, CheckpointStore(run, keep=1).names()), default=0)


def name_of(step: int) -> str:
    """Name of the checkpoint after ``step`` updates, such as ``step-00001200``."""
    return f"step-{step:08d}"


def step_of(name: str) -> int:
    """Inverse of `name_of`."""
    return int(name.removeprefix("step-"))


def _json(section: Section) -> bytes:
    text = json.dumps(section.model_dump(mode="json"), sort_keys=True, indent=1)
    return text.encode() + b"\n"


def _read_json(section: type[S], path: Path) -> S:
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(table, dict):
        raise BadInput(f"{path}: not a JSON object")
    return parse(section, table, path)


def _measure(path: Path) -> _File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _File(size=path.stat().st_size, sha256=digest)


def _compare(path: Path, written: _File) -> None:
    """Refuse a file that is not as it was written."""
    if not path.is_file():
        raise BadInput(f"{path}: missing: the checkpoint is damaged, name another")
    found = _measure(path)
    if found != written:
        raise BadInput(
            f"{path}: {found.size} bytes with sha256 {found.sha256[:12]}, but {written.size} with "
            f"{written.sha256[:12]} were written: the checkpoint is damaged, name another"
        )
