"""The command line: ``ppt-dist``.

Exit codes: 0 done, 1 a check failed, 2 bad input, 3 the run failed, 130 interrupted.
"""

import sys

import typer

from ppt_dist.section import BadInput

app = typer.Typer(
    name="ppt-dist",
    help="Train one 3D segmentation backbone on every scan dataset a team owns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; bad input and errors of files end with their own words."""
    try:
        app()
    except BadInput as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(3)


from ppt_dist.cli import (  # noqa: E402,F401 - they register their commands
    audit,
    evaluate,
    imports,
    index,
    plan,
    predict,
    raw,
    report,
    runs,
    shards,
    test,
    text,
    train,
    weights,
)
