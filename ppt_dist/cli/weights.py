"""``ppt-dist weights``: weights of the official code in and out, and our model held against it."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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


@weights.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A checkpoint of the official code.")
    ],
    run_file: Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run that gets it.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="The model's official configuration.")
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Conditions in the order of prompts and heads."),
    ] = None,
    norm_conditions: Annotated[
        str | None, typer.Option(metavar="B,C,A", help="Conditions in the order of the norms.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A condition that the run leaves out; repeatable.")
    ] = None,
    s3dis_words: Annotated[
        Literal["keep", "repair"],
        typer.Option(help="Words at wrong classes: as they were trained, or each class its own."),
    ] = "keep",
    as_json: AsJson = False,
) -> None:
    """Fill a run's checkpoint step-00000000 with weights of Pointcept or PonderV2.

    ppt-dist weights import ponderv2-ppt.pth runs/finetune.toml

    ppt-dist weights import mine.pth run.toml --config mine.json

    ppt-dist weights import mine.pth run.toml --conditions A,B --norm-conditions B,A

    Then train, evaluate and predict take the run as any other. SpUNet-v1m3 with PPT-v1m1 or v1m2;
    every tensor must be the one that the run's model wants, else all that differ are named and
    nothing is written. Without options the layout of released configurations is taken.
    """
    from ppt_dist.run import load_run
    from ppt_dist.train.published.choose import Said
    from ppt_dist.train.published.importing import import_weights

    orders = (_names(conditions), _names(norm_conditions))
    said = Said(config, *orders, tuple(without or ()))
    found = import_weights(file, load_run(run_file), said, s3dis_words)
    _say(found.notes)
    if as_json:
        facts = {"checkpoint": str(found.checkpoint), "unchanged": found.unchanged}
        print(json.dumps(facts | {"layout": found.layout.model_dump(), "notes": found.notes}))
    else:
        print(f"{found.checkpoint}: {'all was done before' if found.unchanged else 'imported'}")


@weights.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, such as mine.pth.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="Such as step-00001200; the newest good one if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's weights so that Pointcept's own classes load them.

    ppt-dist weights export runs/finetune mine.pth

    ppt-dist weights export runs/finetune mine.pth --checkpoint step-00001200

    The configuration that these weights need is written beside them, here mine.json.
    """
    from ppt_dist.cli.evaluate import choose_checkpoint
    from ppt_dist.train.published.exporting import export_weights

    chosen = choose_checkpoint(run, checkpoint)
    found = export_weights(run, chosen, file)
    _say(found.notes)
    if as_json:
        facts = {"file": str(found.file), "config": str(found.config), "tensors": found.tensors}
        print(json.dumps(facts | {"checkpoint": chosen.name, "notes": found.notes}))
    else:
        print(f"{found.file}: {found.tensors} tensors of {chosen.name}; {found.config} fits them")


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",")) if text else None


def _say(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"note: {note}", err=True)


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
