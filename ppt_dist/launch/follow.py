"""`Follower`: prints how far a run is, from the events that its first rank writes."""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from ppt_dist.journal.journal import EVENTS


class Follower:
    """``with Follower(folder, steps, every):`` a line on standard output after ``every`` steps.

    ``on_event`` is told each event of the first rank.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        every: int,
        on_event: Callable[[dict[str, Any]], object] = lambda _event: None,
    ) -> None:
        self._on_event = on_event
        self._folder, self._steps, self._every = folder / EVENTS, steps, every
        self._seen = {path: path.stat().st_size for path in self._files()}
        self._begun: dict[Path, tuple[int, float]] = {}
        self._losses: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(0.5):
            self._read()
        self._read()

    def _read(self) -> None:
        for path in self._files():
            for event in self._new(path):
                self._on_event(event)
                self._tell(path, event)

    def _files(self) -> list[Path]:
        """The first rank writes one for each attempt."""
        return sorted(self._folder.glob("rank-0-*.jsonl"))

    def _new(self, path: Path) -> list[dict[str, Any]]:
        """Whole lines that were not read before."""
        start = self._seen.get(path, 0)
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._seen[path] = start + len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _tell(self, path: Path, event: dict[str, Any]) -> None:
        if event["event"] == "training":
            self._begun[path] = (event["start"], event["mono"])
            _say(f"training from step {event['start']} to {event['steps']}")
        if event["event"] == "step" and path in self._begun:
            start, began = self._begun[path]
            self._losses |= {lot["domain"]: float(lot["loss"]) for lot in event["lots"]}
            step = event["step"] + 1
            if step % self._every == 0 or step == self._steps:
                pace = (event["mono"] - began) / (step - start)
                _say(progress(step, self._steps, pace, self._losses))


def progress(step: int, steps: int, pace: float, losses: Mapping[str, float]) -> str:
    """``step 20/100  scannet 1.234  0.31 s/step  0:00:25 left``: newest losses, seconds a step."""
    newest = "  ".join(f"{domain} {loss:.3f}" for domain, loss in sorted(losses.items()))
    left = timedelta(seconds=round(pace * (steps - step)))
    return f"step {step}/{steps}  {newest}  {pace:.2f} s/step  {left} left"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
