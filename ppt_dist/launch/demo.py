"""The demo: raw scenes, shards, a private Ray, joint training, a yardstick, one table."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console
from rich.table import Table

from ppt_dist.journal.durable import write_durably
from ppt_dist.journal.journal import Journal, read_events
from ppt_dist.launch.attempt import next_attempt
from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.job import INTERRUPTED
from ppt_dist.launch.spec import find_spec
from ppt_dist.launch.start import Override, on_private_cluster, result_of
from ppt_dist.run import RunConfig, load_run
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.train.folder import claim

_PACKAGE = Path(__file__).resolve().parent.parent
CONFIGS = next(
    folder for folder in (_PACKAGE / "configs", _PACKAGE.parent / "configs") if folder.is_dir()
)
"""Folder of the run files that come with the package: inside a wheel, or beside a checkout."""

WORLD, PACKED = "world.json", "packed"
"""What the raw scenes are made of; a mark that all of them are packed."""


def run_demo(out: Path, scenes: int, seed: int, run_file: Path | None) -> None:
    """Do what is not done yet of the demo in ``out``, and print its table.

    Raises:
        BadInput: ``out`` holds another demo.
        RunFailed: a phase failed.
    """
    out = out.resolve()
    _same_world(out / WORLD, {"scenes": scenes, "seed": seed})
    own = write_run_file(run_file or CONFIGS / "demo.toml", out)
    run = load_run(own)
    journal = Journal(run.folder, "demo", next_attempt(out))
    if not (out / PACKED).exists():
        _make_shards(out, run, scenes, seed, journal)
    claim(run)
    if not result_of(run):
        with journal.phase("train and evaluate on Ray"):
            _checked(on_private_cluster(own, run, Override(), find_spec("local")), "training")
    forest = out / "forest.json"
    if not forest.exists():
        with journal.phase("random forest"):
            _say("fitting the random forest of single voxels")
            write_durably(forest, json.dumps(_forest(run)).encode())
    with journal.phase("report"):
        _command("report", str(run.folder))
    _print_table(_result(run), json.loads(forest.read_bytes()), _pace(run.folder))
    _say(f"run: {run.folder}")


def write_run_file(source: Path, out: Path) -> Path:
    """``source`` as ``out/demo.toml``, its shards and runs inside ``out``; returns the path."""
    table: dict[str, Any] = tomllib.loads(source.read_text("utf-8"))
    for name, use in table["domains"].items():
        use["shards"] = f"shards/{name}"
    table["runs"] = "runs"
    head = table["model"]["head"]
    head["vectors"] = str((source.parent / head["vectors"]).resolve())
    write_durably(out / "demo.toml", tomli_w.dumps(table).encode())
    return out / "demo.toml"


def _same_world(path: Path, world: dict[str, int]) -> None:
    """Note what the demo in this folder is made of, or find it to be the same."""
    before = json.loads(path.read_bytes()) if path.exists() else world
    if before != world:
        raise BadInput(
            f"{path.parent} holds a demo of {_told(before)}, not of {_told(world)}: "
            "give another --out"
        )
    write_durably(path, json.dumps(world).encode())


def _told(world: dict[str, int]) -> str:
    return " and ".join(f"{key} {value}" for key, value in world.items())


def _make_shards(out: Path, run: RunConfig, scenes: int, seed: int, journal: Journal) -> None:
    workers = ["--workers", str(len(os.sched_getaffinity(0)))]
    domains = [word for name in run.domains for word in ("--domain", name)]
    raw = ["--out", str(out / "raw"), "--scenes", str(scenes), "--seed", str(seed)]
    with journal.phase("raw scenes"):
        _command("raw", "make", *raw, *domains, *workers)
    for name in run.domains:
        with journal.phase(f"pack {name}"):
            places = ["--raw", str(out / "raw"), "--out", str(out / "shards")]
            _command("pack", name, *places, *workers)
    write_durably(out / PACKED, b"")


def _command(*words: str) -> None:
    """Say and run one of our own commands: the demo is what a user would type."""
    _say(f"$ ppt-dist {' '.join(words)}")
    program = "import sys; from ppt_dist.cli import main; sys.argv[0] = 'ppt-dist'; main()"
    done = subprocess.run([sys.executable, "-c", program, *words], check=False)
    _checked(done.returncode, " ".join(words[:2]))


def _checked(code: int, what: str) -> None:
    if code == 2:
        raise BadInput(f"{what}: see above; or give the demo another --out")
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise RunFailed(f"{what} ended with exit code {code}: see above")


def _result(run: RunConfig) -> dict[str, Any]:
    """Figures by domain."""
    path = result_of(run)
    if path is None:
        raise RunFailed("training ended without its evaluation", run.folder)
    return json.loads(path.read_bytes())["domains"]


def _forest(run: RunConfig) -> dict[str, Any]:
    from ppt_dist.train.forest import CHANNELS, forest_baseline  # imports scikit-learn
    from ppt_dist.train.scenes import open_scenes

    train, val = (open_scenes(run, split, CHANNELS) for split in ("train", "val"))
    jobs = len(os.sched_getaffinity(0))
    return {name: result.figures() for name, result in forest_baseline(train, val, jobs).items()}


def _pace(folder: Path) -> dict[str, float]:
    """Points a second of the evaluation after training, by domain, from the first rank's events."""
    told: list[dict[str, Any]] = [dict(e) for e in read_events(folder) if e["event"] == "evaluated"]
    return {e["domain"]: e["points_per_s"] for e in told if e["writer"] == "rank-0"}


def _print_table(model: dict[str, Any], forest: dict[str, Any], pace: Mapping[str, float]) -> None:
    columns = ("domain", "mIoU", "mAcc", "allAcc", "points/s", "forest", "ratio", "things")
    table = Table(*columns, title="over the classes present in validation")
    for name, figures in model.items():
        mine, other = figures["miou_present"], forest[name]["miou_present"]
        cells = [mine, figures["macc_present"], figures["allacc"]]
        table.add_row(
            name,
            *(f"{cell:.3f}" for cell in cells),
            f"{pace[name]:,.0f}",
            f"{other:.3f}",
            f"{mine / max(other, 1e-9):.2f}",
            f"{things(figures, stuff_of(name)):.3f}",
        )
    Console().print(table)
    _say("forest: mIoU of a random forest on single voxels; ratio: how much better the model is")
    _say("things: mean IoU of the classes that the recipe does not mark as stuff")


def stuff_of(domain: str) -> frozenset[str]:
    """Classes of a shipped domain that are easy and large: the building itself."""
    recipe, _ = find_recipe(domain)
    return frozenset(entry.name for entry in recipe.classes if entry.stuff)


def things(figures: dict[str, Any], stuff: frozenset[str]) -> float:
    """Mean IoU over the present classes that are not ``stuff``; 0 where there is none."""
    ious = [figures["iou"][name] for name in figures["present"] if name not in stuff]
    return sum(ious) / max(len(ious), 1)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
