"""``ppt-dist weights``: weights of the official code in and out, and our model held against it."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppt_dist.cli import app

if TYPE_CHECKING:
    from ppt_dist.train.published.parity import Difference

weights = typer.Typer(
    help="Weights of Pointcept and PonderV2 in and out, and our model held against theirs.",
    no_args_is_help=True,
)
app.add_typer(weights, name="weights")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]


@weights.command()
def parity(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Inputs, weights, results.")],
    as_json: AsJson = False,
) -> None:
    """Compare our model with stored results of the official one; exit code 1 on a difference.

    ppt-dist weights parity parity/spunet_v1m3__ppt_v1m1.npz --json

    FILE.json beside it has the official configuration. Compared are, for every condition, the
    logits in float32 (within 1e-4) and float64 (1e-9), the training loss (1e-9), the running
    statistics after it and, where stored, the gradients (1e-6 of a tensor's largest entry).
    """
    from ppt_dist.train.published.parity import parity as differences

    found = differences(file)
    passed = all(d.passed for row in found.values() for d in row.values())
    if as_json:
        print(
            json.dumps({"file": str(file), "passed": passed, "conditions": _table(found)}, indent=1)
        )
    else:
        _print(file.name, found)
    if not passed:
        raise typer.Exit(1)


def _table(found: "dict[str, dict[str, Difference]]") -> dict[str, Any]:
    return {
        condition: {kind: _facts(d) for kind, d in row.items()} for condition, row in found.items()
    }


def _facts(difference: "Difference") -> dict[str, Any]:
    """As JSON, which has no infinity."""
    value = difference.value if math.isfinite(difference.value) else str(difference.value)
    return difference._asdict() | {"value": value, "passed": difference.passed}


def _print(title: str, found: "dict[str, dict[str, Difference]]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("condition", "result", "largest difference", "allowed", "tensor", title=title)
    for condition, row in found.items():
        for kind, d in row.items():
            mark = "" if d.passed else " (too large)"
            table.add_row(condition, kind, f"{d.value:.1e}{mark}", f"{d.tolerance:.0e}", d.where)
        table.add_section()
    Console().print(table)
