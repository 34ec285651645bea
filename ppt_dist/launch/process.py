"""Processes that must not outlive us: found by descent, session, or a mark in their environment."""

import ctypes
import os
import signal
from collections.abc import Iterable

import psutil

Processes = dict[int, psutil.Process]

_PR_SET_PDEATHSIG = 1
"""From Linux's sys/prctl.h."""


def descendants(pid: int) -> Processes:
    """The process ``pid`` and all below it, as far as they live."""
    try:
        top = psutil.Process(pid)
        return {p.pid: p for p in (top, *top.children(recursive=True))}
    except psutil.NoSuchProcess:
        return {}


def of_session(leader: int) -> Processes:
    """Those of the session that ``leader`` opened: also such as wrote over their environment."""
    return {p.pid: p for p in psutil.process_iter() if _session(p.pid) == leader}


def marked(mark: str) -> Processes:
    """Other processes with ``mark`` in a word of their command line or environment."""
    found = {p.pid: p for p in psutil.process_iter() if _bears(p, mark)}
    found.pop(psutil.Process().pid, None)
    return found


def end(processes: Iterable[psutil.Process], grace_seconds: float) -> None:
    """Ask each to end, wait, kill what is left, and wait for that."""
    processes = list(processes)
    for process in processes:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=grace_seconds)


def end_with_parent() -> None:
    """Called in a new process: the kernel ends it when its parent is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _bears(process: psutil.Process, mark: str) -> bool:
    try:
        words = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:  # it has ended, is a zombie, or belongs to somebody else
        return False
    return any(mark in word for word in words)
