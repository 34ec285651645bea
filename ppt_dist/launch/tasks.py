"""`Tasks`: pieces of work as Ray tasks, tried again where a process or a node is lost."""

import logging
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from ppt_dist.launch.failure import RunFailed
from ppt_dist.section import BadInput
from ppt_dist.shard.spread import Piece, Result

RETRIES = 3
"""Of a piece whose process or node was lost, or that met an error of the file system."""


class Tasks:
    """``with Tasks(address) as spread:`` each piece takes one CPU of the cluster.

    Raises:
        RunFailed: no cluster answers there.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> "Tasks":
        try:
            ray.init(self._address, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RunFailed(
                f"no Ray cluster at {self._address!r}: {cause}; give auto in a job, or the "
                "HOST:PORT that ray start --head printed"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ray.shutdown()

    def __call__(
        self, work: Callable[[Piece], Result], pieces: Sequence[Piece]
    ) -> Iterator[tuple[Piece, Result]]:
        """Each piece with its result, in the order in which they are done."""
        task = _do.options(max_retries=RETRIES, retry_exceptions=[OSError])
        making: dict[Any, Piece] = {task.remote(work, piece): piece for piece in pieces}
        while making:
            (done, *_), _ = ray.wait(list(making))
            yield making.pop(done), _result(done)


@ray.remote(num_cpus=1)
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
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunFailed(f"a piece was lost {RETRIES + 1} times: {cause}") from None
