"""What a run really read, from its events alone, held against the plan scene by scene."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from ppt_dist.journal.journal import Event, read_events
from ppt_dist.stream.load import open_records
from ppt_dist.stream.plan import Lot, Plan, Slot, assign
from ppt_dist.stream.read import fingerprint
from ppt_dist.stream.stand_in import stand_ins
from ppt_dist.train.checkpoint import newest_step
from ppt_dist.train.folder import check_claimed, read_folder
from ppt_dist.train.ledger import gather
from ppt_dist.train.sources import TRAIN, plan_of
from ppt_dist.view.coverage import Coverage, Turn, coverage

Fingerprint = str
"""16 hexadecimal digits, as in the events."""


class Book(NamedTuple):
    """The train split of a domain, as it is packed."""

    names: Sequence[str]
    crc32: Sequence[int]


class Finding(NamedTuple):
    """A lot of which something else was read than was planned."""

    step: int
    lot: int
    domain: str
    missing: tuple[str, ...]
    """Planned scenes that were not read in their turn."""
    read: tuple[str, ...]
    """What was read instead, as ``domain/scene``, or the fingerprint of an unknown scene."""
    ranks: tuple[int, ...]
    """Who did."""


class Audit(NamedTuple):
    """What was found in the steps that the run's weights went through."""

    steps: int
    reads: int
    findings: tuple[Finding, ...]
    gaps: tuple[int, ...]
    """Steps that the weights have taken and no event tells of."""
    coverage: tuple[Coverage, ...]

    @property
    def clean(self) -> bool:
        """Each scene once an epoch, quarantine aside."""
        astray = any(part.repeated or part.missed for part in self.coverage)
        return not (self.findings or self.gaps or astray)


class _Taken(NamedTuple):
    """Whose turn was taken how."""

    turns: list[tuple[Slot, bool]]
    """With whether the scene itself was read."""
    finding: Finding | None


def lineage(events: Iterable[Event]) -> dict[int, list[Event]]:
    """The events of each step that the newest weights went through, of every rank.

    An attempt that restored an earlier step takes back what the attempts before did from there on.
    The last step is left out where not every rank came to write it down.
    """
    steps: dict[int, list[Event]] = {}
    writers: dict[object, set[object]] = {}
    for event in sorted(events, key=_attempt):
        if event["event"] == "training":
            start: Any = event["start"]
            if event["attempt"] not in writers:
                steps = {step: own for step, own in steps.items() if step < start}
            writers.setdefault(event["attempt"], set()).add(event["writer"])
        elif event["event"] == "step":
            step: Any = event["step"]
            steps.setdefault(step, []).append(event)
    last = max(steps, default=0)
    told = steps.get(last, [])
    if told and {event["writer"] for event in told} != writers[told[0]["attempt"]]:
        del steps[last]
    return dict(sorted(steps.items()))


def audit(
    plan: Plan,
    books: Mapping[str, Book],
    quarantined: Mapping[str, frozenset[str]],
    events: Iterable[Event],
    on_step: Callable[[int, int], object],
    trained: int = 0,
) -> Audit:
    """Every turn of every scene, in the steps of the run's lineage.

    Args:
        plan: of the run, its ledger included.
        books: names and checksums of each domain's scenes, as packed.
        quarantined: scenes of each domain for which others may have been read.
        events: of all ranks.
        on_step: told how many steps are done, of how many.
        trained: steps that the newest weights have taken; events must tell of them all.
    """
    steps = lineage(events)
    reader = _Reader(plan, books, quarantined)
    turns: Counter[Turn] = Counter()
    own: Counter[Turn] = Counter()
    findings, reads = [], 0
    for done, (step, told) in enumerate(steps.items(), 1):
        for lot in plan.step(step):
            found = _found(told, lot.index)
            reads += sum(map(len, found.values()))
            taken = reader.match(step, lot, found)
            turns.update(Turn(lot.domain, slot) for slot, _ in taken.turns)
            own.update(Turn(lot.domain, slot) for slot, itself in taken.turns if itself)
            findings += [taken.finding] if taken.finding else []
        on_step(done, len(steps))
    last = max(steps, default=-1)
    gaps = tuple(step for step in range(max(last, trained)) if step not in steps)
    names = {domain: book.names for domain, book in books.items()}
    covered = tuple(coverage(plan, names, turns, own, last + 1))
    return Audit(len(steps), reads, tuple(findings), gaps, covered)


def audit_run(folder: Path, on_step: Callable[[int, int], object]) -> Audit:
    """The audit of the run in ``folder``.

    Raises:
        BadInput: it is not a run's folder, its packed data are others now, or a file is damaged.
    """
    run = read_folder(folder)
    check_claimed(run.model_copy(update={"runs": folder.parent, "name": folder.name}))
    access = run.engine.access
    records = {name: open_records(use.shards, TRAIN, access) for name, use in run.domains.items()}
    ledger = gather(folder)
    plan = plan_of(run, records, ledger.eras(), ledger.skipped())
    books = {name: Book(part.names, part.crc32) for name, part in records.items()}
    known, events = ledger.quarantined(), read_events(folder)
    return audit(plan, books, known, events, on_step, newest_step(folder))


class _Reader:
    """Knows the fingerprint of every scene."""

    def __init__(
        self, plan: Plan, books: Mapping[str, Book], quarantined: Mapping[str, frozenset[str]]
    ) -> None:
        self._plan, self._books, self._quarantined = plan, books, quarantined
        self._prints = {
            domain: [
                f"{fingerprint(domain, name, crc):016x}"
                for name, crc in zip(book.names, book.crc32, strict=True)
            ]
            for domain, book in books.items()
        }

    def match(self, step: int, lot: Lot, found: Mapping[int, list[Fingerprint]]) -> _Taken:
        """Who was read for whom, rank by rank and slot by slot."""
        of = max(found) + 1
        micro = assign(lot, self._plan.costs[lot.domain], of)
        turns: list[tuple[Slot, bool]] = []
        missing, strange, ranks = [], [], []
        for rank in range(of):
            reads = found.get(rank, [])
            slots = chain.from_iterable(part[rank] for part in micro)
            for slot, read in zip_longest(slots, reads):
                options = self._options(lot.domain, slot) if slot else []
                if slot and read in options:
                    turns.append((slot, read == options[0]))
                    continue
                missing += [self._books[lot.domain].names[slot.scene]] if slot else []
                strange += [self._name(read)] if read else []
                ranks += [rank] if rank not in ranks else []
        finding = Finding(step, lot.index, lot.domain, tuple(missing), tuple(strange), tuple(ranks))
        return _Taken(turns, finding if ranks else None)

    def _options(self, domain: str, slot: Slot) -> list[Fingerprint]:
        """The planned scene; where it is quarantined also those up to its stand-in."""
        names, prints = self._books[domain].names, self._prints[domain]
        bad = self._quarantined.get(domain, frozenset())
        options = [prints[slot.scene]]
        if names[slot.scene] in bad:
            for other in stand_ins(len(names), self._plan.seed, domain, slot):
                options.append(prints[other.scene])
                if names[other.scene] not in bad:
                    break
        return options

    def _name(self, read: Fingerprint) -> str:
        for domain, prints in self._prints.items():
            if read in prints:
                return f"{domain}/{self._books[domain].names[prints.index(read)]}"
        return read


def _attempt(event: Event) -> Any:
    return event["attempt"]


def _found(told: list[Event], lot: int) -> dict[int, list[Fingerprint]]:
    """What each rank read of a lot, in the order of its slots."""
    found: dict[int, list[Fingerprint]] = {}
    for event in told:
        own = found.setdefault(int(str(event["writer"]).removeprefix("rank-")), [])
        own += [read for part in _lots(event) if part["lot"] == lot for read in part["read"]]
    return dict(sorted(found.items()))


def _lots(event: Event) -> list[dict[str, Any]]:
    lots: Any = event["lots"]
    return lots
