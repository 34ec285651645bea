"""`Tasks`: pieces of work as Ray tasks, tried again where a process or a node is lost."""

import logging
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from ppt_dist.launch.failure import RunFailed
from ppt_dist.section import BadInput
from ppt_dist.shard.spread import Piece, Result

RETRIES = 3
"""Of a piece whose process or node was lost, or that met an error of the file system."""

ANSWER_SECONDS = 10
"""In which a cluster's head takes a connection."""


class Tasks:
    """``with Tasks(address, cpus) as spread:`` each piece takes so many CPUs of the cluster.

    What Ray has to say of lost processes goes to standard error: standard output is the command's.

    Raises:
        RunFailed: no cluster answers there.
    """

    def __init__(self, address: str, cpus: int = 1) -> None:
        self._address = address
        self._cpus = cpus
        self._aside = redirect_stdout(sys.stderr)

    def __enter__(self) -> "Tasks":
        try:
            _knock(self._address)
            ray.init(self._address, log_to_driver=False, logging_level=logging.WARNING)
        except (OSError, RuntimeError, ValueError, RayError) as error:
            raise RunFailed(
                f"no Ray cluster at {self._address!r}: {_first_line(error)}: "
                "give auto on one of its nodes, or the HOST:PORT that ray start --head printed, "
                "with RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH as the cluster was started"
            ) from None
        self._aside.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ray.shutdown()
        self._aside.__exit__(kind, error, trace)

    def __call__(
        self, work: Callable[[Piece], Result], pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, Result]]:
        """Each piece with its result, in the order in which they are done."""
        task = _do.options(num_cpus=self._cpus, max_retries=RETRIES, retry_exceptions=[OSError])
        making: dict[Any, Piece] = {task.remote(work, piece): piece for piece in pieces}
        while making:
            (done, *_), _ = ray.wait(list(making))
            yield making.pop(done), _result(done)


def _knock(address: str) -> None:
    """`OSError` where nobody listens: Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    elif address != "auto":
        raise ValueError("this is not HOST:PORT")


@ray.remote
def _do(work: Callable[[Piece], Result], piece: Piece) -> Result:
    return work(piece)


def _result(done: Any) -> Any:
    try:
        return ray.get(done)
    except RayTaskError as error:
        if isinstance(error.cause, BadInput):
            raise BadInput(str(error.cause)) from None
        cause = (str(error.cause).strip().splitlines() or [""])[-1]
        raise RunFailed(f"{type(error.cause).__name__}: {cause}") from None
    except RayError as error:
        raise RunFailed(f"a piece was lost {RETRIES + 1} times: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
