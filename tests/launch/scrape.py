"""What Prometheus would read."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from prometheus_client.parser import text_string_to_metric_families


def scraped(folder: Path) -> str:
    """The page of the run in ``folder`` if it serves one now."""
    try:
        (target,) = json.loads((folder / "metrics.json").read_text())[0]["targets"]
        return page(f"http://{target}/metrics")
    except (OSError, ValueError):
        time.sleep(0.05)
        return ""


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def value(text: str, name: str, **labels: str) -> float:
    """Of the sample with these labels, others aside; -1 where there is none."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return -1.0


class Scraper:
    """``with Scraper(read) as scraper:`` reads again and again and keeps what it read."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._pages: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._scrape, daemon=True)

    def __enter__(self) -> "Scraper":
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

    def newest(self, word: str) -> str:
        """The last page with ``word``."""
        return next((text for text in reversed(self._pages) if word in text), "")

    def _scrape(self) -> None:
        while not self._ended.wait(0.2):
            self._pages.append(self._read())
