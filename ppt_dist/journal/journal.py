"""`Journal`: what happened in a run, as JSON lines; one file for each writer and attempt."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path

from ppt_dist.section import BadInput

FORMAT = 1
"""Version of the events; the first event of each file carries it."""

EVENTS = "events"
"""Folder of the events below a run's folder."""

OPENED = "journal"
"""First event of a file: format, writer, attempt."""

Event = dict[str, object]

_OWN = frozenset({"t", "mono", "event", "writer", "attempt"})


class Journal:
    """One writer's file ``events/<writer>-<attempt>.jsonl``; each event is one appending write."""

    def __init__(
        self,
        folder: Path,
        writer: str,
        attempt: int,
        on_event: Callable[[Event], object] = lambda _event: None,
    ) -> None:
        """Open the file below the run's ``folder``; events of an earlier opening stay.

        ``on_event`` is told each event after it was written.
        """
        self._on_event = on_event
        path = folder / EVENTS / f"{writer}-{attempt}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        self._file = path.open("ab", buffering=0)
        if self._file.tell() == 0:
            self._append({"event": OPENED, "format": FORMAT, "writer": writer, "attempt": attempt})

    def write(self, event: str, **values: object) -> None:
        """Append an event; numbers that are not finite become the strings NaN, Infinity, -Infinity.

        Raises:
            TypeError: a value is not plain JSON.
            ValueError: a value is called like one of the journal's own keys.
        """
        taken = sorted(_OWN & values.keys())
        if taken:
            raise ValueError(f"event {event!r}: {taken} are the journal's own keys")
        self._append({"event": event, **values})
        self._on_event({"event": event, **values})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Write event ``phase`` with the seconds that the block took, and whether it was done."""
        start, done = time.monotonic(), False
        try:
            yield
            done = True
        finally:
            self.write("phase", name=name, seconds=time.monotonic() - start, done=done)

    def close(self) -> None:
        """Close the file; nothing is waiting to be written."""
        self._file.close()

    def _append(self, values: Mapping[str, object]) -> None:
        clocks = {"t": time.time(), "mono": time.monotonic()}
        line = json.dumps(_plain(clocks | dict(values)), allow_nan=False)
        self._file.write(line.encode() + b"\n")


def read_events(folder: Path) -> list[Event]:
    """Events below a run's ``folder`` in order of wall time, each with its writer and attempt.

    A last line without an end was cut by a crash and is left out.

    Raises:
        BadInput: another line is not an event, or a file has another format; names file and line.
    """
    files = sorted((folder / EVENTS).glob("*.jsonl"))
    merged = [event for path in files for event in _events_of(path)]
    return sorted(merged, key=lambda event: (event["t"], event["mono"]))


def _events_of(path: Path) -> list[Event]:
    *lines, _torn = path.read_bytes().split(b"\n")
    events = [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    if not events:
        return []
    first = events[0]
    if first.get("event") != OPENED or first.get("format") != FORMAT:
        raise BadInput(
            f"{path}: event format {first.get('format')!r}; this version reads format {FORMAT}"
        )
    origin = {"writer": first["writer"], "attempt": first["attempt"]}
    return [event | origin for event in events]


def _parse(line: bytes, where: str) -> Event:
    try:
        event = json.loads(line)
    except ValueError:
        raise BadInput(f"{where}: not a line of JSON: {line[:80]!r}") from None
    clocks = isinstance(event, dict) and [event.get("t"), event.get("mono")]
    if not clocks or not all(isinstance(clock, float) for clock in clocks):
        raise BadInput(f"{where}: not an event with 't' and 'mono': {line[:80]!r}")
    return event


def _cut_torn_line(path: Path) -> None:
    """Drop what a crashed writer left behind the last whole line, so that the next one is whole."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)


def _plain(value: object) -> object:
    """The value as plain JSON; numpy's scalars count as numbers."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else json.dumps(number)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} {value!r:.80} is not plain JSON")
