"""`Ledger`: what the data order of a run follows from beside its run file and its data.

``<run>/ledger.json`` grows at its end and is written by rank 0, at starts and checkpoints, from the
notes that each rank leaves in ``<run>/ledger/`` the moment it learns something.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.stream.asked import EraChange, Weight

LEDGER, NOTES = "ledger.json", "ledger"


class Quarantined(Section):
    """A scene that cannot be used: another stands in for it, always."""

    kind: Literal["quarantine"] = "quarantine"
    domain: str
    scene: str
    reason: str
    lot: NonNegativeInt
    """The first lot in which it was wanted."""
    writer: str
    """Who found it."""


class OpenedEra(Section):
    """The mixture was changed at a restart."""

    kind: Literal["era"] = "era"
    number: NonNegativeInt
    """Eras that restarts opened before it: a mixture may come back at the same step."""
    step: PositiveInt
    """The first update with it."""
    weights: dict[str, Weight]


class SkippedLot(Section):
    """A lot that is jumped."""

    kind: Literal["skip"] = "skip"
    lot: NonNegativeInt


Entry = Annotated[Quarantined | OpenedEra | SkippedLot, Field(discriminator="kind")]


class Ledger(Section):
    """Entries in the order in which they were settled."""

    format: Literal[1] = 1
    entries: tuple[Entry, ...] = ()

    def digest(self, count: int | None = None) -> str:
        """sha256 of the canonical JSON of the first ``count`` entries, or of all."""
        entries = [entry.model_dump(mode="json") for entry in self.entries[:count]]
        return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()

    def quarantined(self) -> dict[str, frozenset[str]]:
        """Scenes by domain."""
        found: dict[str, set[str]] = {}
        for entry in self.entries:
            if isinstance(entry, Quarantined):
                found.setdefault(entry.domain, set()).add(entry.scene)
        return {domain: frozenset(scenes) for domain, scenes in found.items()}

    def reasons(self, domain: str) -> dict[str, str]:
        """Why each scene of a domain is quarantined."""
        return {
            entry.scene: entry.reason
            for entry in self.entries
            if isinstance(entry, Quarantined) and entry.domain == domain
        }

    def skipped(self) -> tuple[int, ...]:
        """Lots that are jumped, rising."""
        return tuple(sorted({e.lot for e in self.entries if isinstance(e, SkippedLot)}))

    def with_era(self, step: int, weights: Mapping[str, float]) -> "Ledger":
        """With an era at the end, the first update of which is ``step``."""
        number = sum(isinstance(entry, OpenedEra) for entry in self.entries)
        era = OpenedEra(number=number, step=step, weights=dict(weights))
        return self.model_copy(update={"entries": (*self.entries, era)})

    def eras(self) -> tuple[EraChange, ...]:
        """Rising; one that was opened later at an earlier step takes the place of those after."""
        eras: list[EraChange] = []
        for entry in self.entries:
            if isinstance(entry, OpenedEra):
                change = EraChange(step=entry.step, weights=entry.weights)
                eras = [era for era in eras if era.step < entry.step] + [change]
        return tuple(eras)


def read_ledger(run: Path) -> Ledger:
    """The settled ledger of the run in this folder; empty where there is none.

    Raises:
        BadInput: it is damaged; names the file.
    """
    path = run / LEDGER
    if not path.is_file():
        return Ledger()
    try:
        table = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path}: not JSON: {error}") from None
    return parse(Ledger, table, path)


def note(run: Path, writer: str, entry: Entry) -> None:
    """Bring an entry to the disk, for whoever settles next; one file for each writer."""
    path = run / NOTES / f"{writer}.jsonl"
    before = path.read_bytes() if path.exists() else b""
    whole = before[: before.rfind(b"\n") + 1]
    line = json.dumps(entry.model_dump(mode="json")).encode() + b"\n"
    write_durably(path, whole + line)


def gather(run: Path) -> Ledger:
    """The ledger with all notes since, each once, in an order that does not depend on ranks."""
    settled = read_ledger(run)
    known = {_what(entry) for entry in settled.entries}
    fresh: dict[tuple[Any, ...], Entry] = {}
    for entry in _notes(run):
        if _what(entry) not in known:
            first = fresh.setdefault(_what(entry), entry)
            if _place(entry) < _place(first):
                fresh[_what(entry)] = entry
    added = sorted(fresh.values(), key=lambda entry: (*_what(entry)[:1], _place(entry)))
    return Ledger(entries=(*settled.entries, *added))


def settle(run: Path) -> Ledger:
    """Write what `gather` finds; rank 0 alone does, and not while another may."""
    ledger = gather(run)
    if ledger != read_ledger(run):
        text = json.dumps(ledger.model_dump(mode="json"), indent=1)
        write_durably(run / LEDGER, text.encode() + b"\n")
    return ledger


def _notes(run: Path) -> Iterator[Entry]:
    """A last line without an end was cut by a crash and is left out."""
    for path in sorted((run / NOTES).glob("*.jsonl")):
        *lines, _torn = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                table = json.loads(line)
            except ValueError:
                raise BadInput(f"{path}:{number}: not a line of JSON: {line[:80]!r}") from None
            yield parse(Ledger, {"entries": [table]}, f"{path}:{number}").entries[0]


def _what(entry: Entry) -> tuple[Any, ...]:
    """What two notes of the same thing share."""
    match entry:
        case Quarantined():
            return (entry.kind, entry.domain, entry.scene)
        case OpenedEra():
            return (entry.kind, entry.number)
        case SkippedLot():
            return (entry.kind, entry.lot)


def _place(entry: Entry) -> tuple[int, str]:
    match entry:
        case Quarantined():
            return (entry.lot, entry.scene)
        case OpenedEra():
            return (entry.number, "")
        case SkippedLot():
            return (entry.lot, "")
