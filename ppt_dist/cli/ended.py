"""How a command that does long work ends: exit code 3 where it failed, 130 where it was stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def ended_well() -> Iterator[None]:
    """Exit code 3 with the cause where work or file system failed, 130 where interrupted."""
    from ppt_dist.launch.failure import RunFailed

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, as Ctrl-C
    try:
        yield
    except (RunFailed, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(3) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command continues", err=True)
        raise typer.Exit(130) from None
