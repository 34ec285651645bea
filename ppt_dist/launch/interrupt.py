"""`StopOnInterrupt`: at the first Ctrl-C a run ends with a checkpoint, at the second at once."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import TracebackType

from ppt_dist.journal.durable import write_durably


class StopOnInterrupt:
    """``with StopOnInterrupt(file):`` SIGINT makes ``file``, again it becomes a SIGTERM.

    The signal is waited for and never delivered, since Ray Train puts a handler of its own in the
    place of any other. Enter it in the main thread, before threads that would take the signal.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._made = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def __enter__(self) -> "StopOnInterrupt":
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        if self._made:
            self._file.unlink(missing_ok=True)

    def _wait(self) -> None:
        while not self._ended.is_set():
            if signal.sigtimedwait({signal.SIGINT}, 0.2):
                self._asked()

    def _asked(self) -> None:
        if self._made:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            write_durably(self._file, b"")
        except OSError as error:
            sys.stderr.write(f"cannot ask for a checkpoint ({error}): stopping at once\n")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._made = True
        sys.stderr.write(
            "stopping with a checkpoint after this step, or when the evaluation has ended; "
            "Ctrl-C again: at once\n"
        )
        sys.stderr.flush()
