"""Bars for long work: drawn on a terminal, a line now and then where there is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress

QUIET = 10.0
"""Seconds between two lines where nothing can be drawn."""

Advance = Callable[[int, int], object]
"""Told how much is done, of how much."""


@contextmanager
def progress() -> Iterator[Callable[[str], Advance]]:
    """Bars on standard error: ``bar("pack scannet")`` gives what is told how far that is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines
        return
    with Progress(console=console) as drawn:

        def bar(title: str) -> Advance:
            task = drawn.add_task(title, total=None)
            return lambda done, of: drawn.update(task, completed=done, total=of)

        yield bar


def _lines(title: str) -> Advance:
    """For logs: a line after `QUIET` seconds, with what is left at this pace."""
    began = said = time.monotonic()

    def advance(done: int, of: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done and now - said > QUIET:
            said = now
            left = (now - began) * (of - done) / done
            typer.echo(f"{title}: {done / max(of, 1):.0%}, {left:.0f} s left", err=True)

    return advance
