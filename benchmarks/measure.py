"""Measures nothing itself: repeats that take turns, medians with spread, tables, and JSON files."""

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from ppt_dist.journal.durable import write_durably

Size = TypeVar("Size")


class Taken(NamedTuple):
    """Seconds that a trial took."""

    wall: float
    cpu: float | None = None
    """Of this process and of those that it waited for; hardly disturbed by what else runs."""


Trial = Callable[[], Taken]
"""Does the work once."""


class Comparison(NamedTuple):
    """Some ways to do the same work, by way; all took part in the same rounds."""

    title: str
    unit: str
    figure: Callable[[float], float]
    """Of a trial's seconds, in ``unit``."""
    baseline: str
    """The way that the others are held against."""
    rounds: Mapping[str, list[Taken]]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Median and spread of each way, and of its ratio and difference to the baseline's round.

        A ratio within a round has the same disturbances above and below the line.
        """
        base = self._figures(self.baseline)
        base_cpu = self._cpu_figures(self.baseline)
        rows = {}
        for way in self.rounds:
            figures, cpu = self._figures(way), self._cpu_figures(way)
            rows[way] = {
                **_spread("", figures),
                **_spread("ratio", [a / b for a, b in zip(figures, base, strict=True)]),
                **_spread("difference", [a - b for a, b in zip(figures, base, strict=True)]),
                "rounds": figures,
            }
            if cpu:
                ratios = [a / b for a, b in zip(cpu, base_cpu, strict=True)]
                rows[way] |= _spread("cpu", cpu) | _spread("cpu_ratio", ratios)
        return rows

    def _figures(self, way: str) -> list[float]:
        return [self.figure(taken.wall) for taken in self.rounds[way]]

    def _cpu_figures(self, way: str) -> list[float]:
        """As if a second of the CPU were one of the wall; empty where that was not measured."""
        return [self.figure(taken.cpu) for taken in self.rounds[way] if taken.cpu is not None]


class Report(NamedTuple):
    """What a benchmark found."""

    conditions: Mapping[str, object]
    """Sizes and settings that the figures hold for."""
    comparisons: list[Comparison]


def timed(work: Callable[[], object]) -> Taken:
    """The work, once."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    work()
    return Taken(time.perf_counter() - wall, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def interleaved(trials: Mapping[str, Trial], rounds: int, warm: int = 1) -> dict[str, list[Taken]]:
    """What each trial took, once a round, after ``warm`` rounds that are not kept.

    Every round begins one trial later than the one before it, so that none is always the first.
    """
    names = list(trials)
    taken: dict[str, list[Taken]] = {name: [] for name in names}
    for n in range(warm + rounds):
        first = n % len(names)
        for name in names[first:] + names[:first]:
            took = trials[name]()
            if n >= warm:
                taken[name].append(took)
    return taken


def run(
    measure: Callable[[Size], Report],
    *,
    full: Size,
    quick: Size,
    options: argparse.ArgumentParser | None = None,
) -> None:
    """A benchmark's command: measure at one of two sizes, print tables, write JSON if asked.

    ``options`` holds those of one benchmark, which has read them into its sizes.
    """
    own = [] if options is None else [options]
    parser = argparse.ArgumentParser(description=measure.__doc__, parents=own)
    parser.add_argument("--json", type=Path, help="file that gets the figures")
    parser.add_argument("--quick", action="store_true", help="the smallest size, to see it run")
    chosen = parser.parse_args()
    machine = _machine()
    report = measure(quick if chosen.quick else full)
    report = report._replace(conditions={**machine, **report.conditions})
    _print(report)
    if chosen.json:
        comparisons = [
            {"title": c.title, "unit": c.unit, "baseline": c.baseline, "ways": c.rows()}
            for c in report.comparisons
        ]
        content = {"conditions": report.conditions, "comparisons": comparisons}
        write_durably(chosen.json, json.dumps(content, indent=1).encode() + b"\n")


def _machine() -> dict[str, object]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "not set"),
        "load before": round(os.getloadavg()[0], 2),
    }


def _print(report: Report) -> None:
    console = Console(highlight=False, width=100)
    for comparison in report.comparisons:
        title = f"{comparison.title}: {comparison.unit}; ratios to {comparison.baseline}"
        table = Table(title=title, title_justify="left")
        for column in ("", "median", "from, to", "ratio", "from, to", "more", "CPU ratio"):
            table.add_column(column, no_wrap=True)
        for way, row in comparison.rows().items():
            table.add_row(
                way,
                _digits(row["median"]),
                f"{_digits(row['lowest'])}, {_digits(row['highest'])}",
                f"{row['ratio']:.2f}",
                f"{row['ratio_lowest']:.2f}, {row['ratio_highest']:.2f}",
                _digits(row["difference"]),
                f"{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else "",
            )
        console.print(table)
    console.print("medians; " + ", ".join(f"{k}: {v}" for k, v in report.conditions.items()))


def _spread(name: str, figures: list[float]) -> dict[str, float]:
    prefix = f"{name}_" if name else ""
    return {
        name or "median": statistics.median(figures),
        f"{prefix}lowest": min(figures),
        f"{prefix}highest": max(figures),
    }


def _digits(figure: float) -> str:
    """Three or more figures that count."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"
