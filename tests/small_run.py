"""A run of seconds over packed procedural scans, for tests that train."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from ppt_dist.journal.journal import read_events
from ppt_dist.launch.demo import CONFIGS


def write_run_file(folder: Path, packed: Path, name: str, steps: int, **engine: object) -> Path:
    """The demo's run, smaller, on two ranks, as ``folder/name.toml``."""
    table: dict[str, Any] = tomllib.loads((CONFIGS / "demo.toml").read_text())
    table |= {"name": name, "steps": steps, "runs": ".", "lots": {"scenes": 2}}
    own = {name: {"shards": str(packed / name), "crop": 300} for name in ("scannet", "s3dis")}
    table["domains"] = {name: table["domains"][name] | changes for name, changes in own.items()}
    table["model"]["head"]["vectors"] = str(CONFIGS / "text/minilm.safetensors")
    table |= {"engine": {"fetchers": 0, "ranks": 2, **engine}, "checkpoint": {"every": 2}}
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(table))
    return path


def events_of(folder: Path) -> list[dict[str, Any]]:
    return list(read_events(folder))


def losses(folder: Path) -> dict[tuple[str, int], dict[int, list[float]]]:
    """Those of each step by writer and attempt."""
    found: dict[tuple[str, int], dict[int, list[float]]] = {}
    for event in events_of(folder):
        if event["event"] == "step":
            origin = (event["writer"], event["attempt"])
            found.setdefault(origin, {})[event["step"]] = [lot["loss"] for lot in event["lots"]]
    return found
