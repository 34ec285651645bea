"""`ClusterSpec`: facts of the machines, ``cluster/<name>.toml``, found by name or path."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from ppt_dist.section import BadInput, Section, nearest, read_toml

_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED = next(
    folder for folder in (_PACKAGE / "cluster", _PACKAGE.parent / "cluster") if folder.is_dir()
)
"""Folder of the specs that come with the package: inside a wheel, or beside a checkout."""


class TrainSpec(Section):
    """How a group of workers is watched and restarted."""

    max_failures: NonNegativeInt = 3
    """Restarts of all workers before the run counts as failed."""
    collective_seconds: PositiveInt = 300
    """A sum over ranks that takes longer has lost a rank."""
    health_check_seconds: PositiveFloat = 0.5
    group_start_seconds: PositiveInt = 120
    """To place and start all workers."""


class ClusterSpec(Section):
    """The machines that a run may use."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    cpus: PositiveInt
    """Logical CPUs that Ray hands out."""
    gpus: NonNegativeInt = 0
    """With any, each worker takes one, and ranks talk through NCCL."""
    object_store_bytes: Annotated[int, Field(ge=80_000_000)]
    node_address: str = "127.0.0.2"
    start_seconds: PositiveInt = 120
    grace_seconds: PositiveFloat = 10.0
    """To end by itself before it is killed."""
    train: TrainSpec = TrainSpec()


def find_spec(name_or_path: str) -> ClusterSpec:
    """The shipped spec of that name, or the one in that file; `BadInput` where there is none."""
    for candidate in (Path(name_or_path), SHIPPED / f"{name_or_path}.toml"):
        if candidate.is_file():
            return read_toml(ClusterSpec, candidate)
    shipped = [path.stem for path in SHIPPED.glob("*.toml")]
    raise BadInput(f"no cluster {name_or_path!r}: {nearest(name_or_path, shipped)}, or give a path")
