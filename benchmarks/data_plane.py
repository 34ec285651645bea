"""Measures the whole data plane: each part in a process of its own, one after the other.

``python -m benchmarks.data_plane --pointcept DIR --json bench/data_plane.json``
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ppt_dist.journal.durable import write_durably

PARTS = ("order", "decode", "codecs", "transforms", "loader", "memory", "stores")
"""Modules beside this one."""


def measure(parts: list[str], options: list[str], pointcept: Path | None) -> dict[str, object]:
    """What each part found; it prints its tables as it goes."""
    found: dict[str, object] = {}
    with TemporaryDirectory() as name:
        for part in parts:
            result = Path(name) / f"{part}.json"
            own = ["--pointcept", str(pointcept)] if part == "transforms" else []
            command = [sys.executable, "-m", f"benchmarks.{part}", "--json", str(result)]
            subprocess.run([*command, *options, *own], check=True)
            found[part] = json.loads(result.read_text("utf-8"))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pointcept", type=Path, help="a checkout; without it no transforms")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; several times")
    parser.add_argument("--json", type=Path, help="file that gets the figures")
    parser.add_argument("--quick", action="store_true", help="the smallest size, to see it run")
    chosen = parser.parse_args()
    wanted = chosen.only or [p for p in PARTS if p != "transforms" or chosen.pointcept]
    if "transforms" in wanted and not chosen.pointcept:
        parser.error("--only transforms needs --pointcept DIR, a checkout of Pointcept")
    figures = measure(wanted, ["--quick"] if chosen.quick else [], chosen.pointcept)
    if chosen.json:
        write_durably(chosen.json, json.dumps(figures, indent=1).encode() + b"\n")
