"""Fuzzing of packed domains: every input is read as it was packed, or refused by its file's name.

    python -m tests.fuzz --inputs 10000 --seed 1

Input ``n`` of a seed is always the same; ``--only N`` runs one and shows what it raises. Inputs are
read in a process of their own with a limit of memory and of time; one that dies or hangs is named.
"""

import argparse
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.shard.manifest import MANIFEST
from tests.fuzzing import damage, manifests, tars
from tests.fuzzing.base import Files, make_base, read_files
from tests.fuzzing.verdict import judge, look

MEMORY = 256 * 2**20
"""Bytes that reading may take beyond what the process has when it starts."""
SECONDS = 20
"""That one input may take; a thousandth of it is usual."""
ROOT = Path(__file__).parents[1]


class Kind(NamedTuple):
    """A way to make an input."""

    make: Callable[[np.random.Generator, Files], Files]
    forged: bool
    """Whether sums are made to fit."""
    share: int = 1

    @property
    def name(self) -> str:
        """Of its module and function."""
        return f"{self.make.__module__.rpartition('.')[2]}.{self.make.__name__}"


KINDS = (
    *(Kind(damage.damage_any, False, 6), Kind(damage.lose, False), Kind(damage.exchange, False)),
    *(Kind(damage.forge_tar, True, 5), Kind(damage.forge_index, True, 5)),
    *(Kind(tars.swap, True), Kind(tars.rename_record, True), Kind(tars.repeat, True)),
    *(Kind(tars.part_members, True), Kind(tars.lose_member, True)),
    *(Kind(tars.repeat_member, True), Kind(tars.put_header, True, 2)),
    *(Kind(tars.change_header, True, 4), Kind(tars.change_content, True, 6)),
    *(Kind(tars.change_entry, True, 2), Kind(manifests.replace, False, 6)),
    *(Kind(manifests.remove, False), Kind(manifests.add, False, 2)),
    *(Kind(manifests.exchange, False, 2), Kind(manifests.nest, False)),
    Kind(manifests.twice, False),
)


def main() -> int:
    """Run the inputs; 1 where one was not read and not refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this input alone, in this process")
    parser.add_argument("--from", type=int, dest="first", default=0, help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.base is not None:
        return _work(given.base, given.seed, given.first, given.inputs)
    with tempfile.TemporaryDirectory() as folder:
        base = make_base(Path(folder))
        if given.only is not None:
            return _show(base, given.seed, given.only)
        return _report(_outcomes(base, given.seed, given.inputs), given.inputs, given.seed)


def kind_of(seed: int, n: int) -> tuple[Kind, np.random.Generator]:
    """How input ``n`` is made, and with what."""
    rng = np.random.default_rng([seed, n])
    shares = np.array([kind.share for kind in KINDS], np.float64)
    return KINDS[rng.choice(len(KINDS), p=shares / shares.sum())], rng


def _report(outcomes: Iterator[tuple[int, str]], inputs: int, seed: int) -> int:
    began = time.monotonic()
    counts: Counter[str] = Counter()
    for n, outcome in outcomes:
        counts[outcome.partition(":")[0]] += 1
        if outcome not in ("read", "refused"):
            _say(f"input {n} of seed {seed}, {kind_of(seed, n)[0].name}: {outcome}")
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    _say(f"{inputs} inputs of seed {seed} in {time.monotonic() - began:.0f} s: {told}")
    return 0 if counts.keys() <= {"read", "refused"} and counts.total() == inputs else 1


def _outcomes(base: Path, seed: int, inputs: int) -> Iterator[tuple[int, str]]:
    """Each input's number and outcome; a process that dies or hangs is followed by another."""
    first = 0
    while first < inputs:
        words = ["--base", str(base), "--seed", str(seed), "--from", str(first)]
        command = [sys.executable, "-m", "tests.fuzz", *words, "--inputs", str(inputs)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            for line in _lines(process):
                n, _, outcome = line.partition(" ")
                first = int(n) + 1
                yield int(n), outcome
            process.kill()
        if first < inputs:
            yield first, f"died: with {process.returncode}, or was stuck for {3 * SECONDS} s"
            first += 1


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What the process says, until it ends or is silent for too long."""
    assert process.stdout is not None
    ready = selectors.DefaultSelector()
    ready.register(process.stdout, selectors.EVENT_READ)
    while ready.select(3 * SECONDS):
        line = process.stdout.readline()
        if not line:
            return
        yield line.decode().rstrip("\n")


def _work(base: Path, seed: int, first: int, inputs: int) -> int:
    """In the process of its own: say a line for each input."""
    before, files = look(base), read_files(base)
    warnings.simplefilter("error")  # of numpy, that it computed with what cannot be
    opened = _descriptors()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "fuzzed"
        for n in range(first, inputs):
            kind, rng = kind_of(seed, n)
            made = kind.make(rng, files)
            _lay(place, base, files, made)
            signal.alarm(SECONDS)
            try:
                seen = look(place)
                signal.alarm(0)
                touched = _touched(files, made)
                judge(seen, before, place, forged=kind.forged, touched=touched)
                outcome = "refused" if seen.refused or seen.faults else "read"
            except Exception as error:  # noqa: BLE001 - it is what is looked for
                signal.alarm(0)
                outcome = f"{type(error).__name__}: {str(error)[:300]!r}"
            if _descriptors() - opened:
                outcome += ", and files stay open"
            _say(f"{n} {outcome}")
    return 0


def _show(base: Path, seed: int, n: int) -> int:
    """One input, with all that it raises."""
    before, files = look(base), read_files(base)
    kind, rng = kind_of(seed, n)
    _say(kind.name)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "fuzzed"
        made = kind.make(rng, files)
        _lay(place, base, files, made)
        try:
            seen = look(place)
            _say("\n".join(line[:300] for line in (*seen.refused, *seen.faults)))
            touched = _touched(files, made)
            judge(seen, before, place, forged=kind.forged, touched=touched)
        except Exception:  # noqa: BLE001 - it is what is looked for
            traceback.print_exc()
            return 1
    return 0


def _touched(before: Files, files: Files) -> bool:
    """Whether a tar or an index is not as it was."""
    return {n: c for n, c in files.items() if n != MANIFEST} != {
        n: c for n, c in before.items() if n != MANIFEST
    }


def _lay(place: Path, base: Path, before: Files, files: Files) -> None:
    """Make ``place`` hold the files; those that are as they were are links."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, content in files.items():
        if before.get(name) is content:
            (place / name).hardlink_to(base / name)
        else:
            (place / name).write_bytes(content)


def _descriptors() -> set[int]:
    """Files that are open; the one that lists them is closed again."""
    found = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
    return {file for file in found if Path(f"/proc/self/fd/{file}").exists()}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
