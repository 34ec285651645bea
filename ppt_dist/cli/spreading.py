"""``--ray`` and ``--device``: who does the pieces of a command's work, and on what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ppt_dist.cli.ended import ended_well

if TYPE_CHECKING:
    from ppt_dist.shard.spread import Spread

RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        envvar="RAY_ADDRESS",
        help="Spread the work over this Ray cluster: HOST:PORT, or auto on one of its nodes. "
        "Paths must mean the same on all of them.",
    ),
]


Device = Annotated[
    str,
    typer.Option(metavar="NAME", help="cpu, or cuda where there is a GPU. Not with --ray."),
]


def check_device(device: str, address: str | None) -> None:
    """`BadInput` for a GPU on a cluster: tasks take a CPU each, and Ray counts no GPU for them."""
    if address is not None and device != "cpu":
        from ppt_dist.section import BadInput

        raise BadInput(
            f"--device {device} with --ray {address}: tasks of a cluster take a CPU each"
        )


@contextmanager
def spreading(address: str | None, workers: int = 1, cpus: int = 1) -> Iterator["Spread"]:
    """Ray tasks of so many ``cpus`` where an address is given, else processes of this machine."""
    from ppt_dist.shard.spread import processes

    with ended_well():
        if address is None:
            yield processes(workers)
            return
        from ppt_dist.launch.tasks import Tasks  # it needs seconds to import

        with Tasks(address, cpus) as tasks:
            yield tasks
