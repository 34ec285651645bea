"""`Fetchers`: loading processes that execute the plan and nothing else; a dead one is replaced."""

import multiprocessing
import os
import signal
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import recv_handle, send_handle
from typing import NamedTuple

from ppt_dist.section import BadInput
from ppt_dist.shard.access import PLAIN, Access
from ppt_dist.shard.spread import end_with_parent
from ppt_dist.stream.heap import keep_freed_memory
from ppt_dist.stream.load import Loaded, Order
from ppt_dist.stream.memory import Laying, Seeing
from ppt_dist.stream.parcel import Parcel, parcel_here
from ppt_dist.stream.read import Damaged

REPLACEMENTS = 3
"""Times that fetchers may die over one piece of work before it is given up."""
MOST_AHEAD = 32
"""Orders in the making, however small: each may hold a file descriptor and fills a pipe."""

Load = Callable[[Order], Loaded]
"""It is sent to each process once."""


def refuse(domain: str, lot: int, damaged: Damaged) -> None:
    """End at the first damaged scene: where nobody keeps a ledger."""
    raise BadInput(f"domain {domain}, lot {lot}: {damaged.reason}")


class Fetching(NamedTuple):
    """How the work is done; no byte depends on it."""

    processes: int
    """0 loads on demand in this process."""
    ahead: int
    """Bytes of voxels that may be in the making or wait for their turn."""
    on_fault: Callable[[str], object]
    on_damaged: Callable[[str, int, Damaged], object] = refuse
    """Told the domain and lot of each scene that was found unusable, before its batch is used."""
    access: Access = PLAIN
    """How packed domains are read."""


@dataclass(eq=False)
class _Ticket:
    """An order on its way."""

    order: Order
    answer: Parcel | Exception | None = None
    deaths: int = 0


@dataclass(eq=False)
class _Fetcher:
    """A process with the orders that it has not answered, in its order of work."""

    process: BaseProcess
    connection: Connection
    open: deque[_Ticket] = field(default_factory=deque)
    memory: Seeing = field(default_factory=Seeing)


class Fetchers:
    """Keeps orders in the making and hands them out in order.

    Each order goes to the process with the least to do. A killed process is replaced and its
    orders are made again, with the same bytes, since they follow from the plan alone.
    """

    def __init__(self, load: Load, fetching: Fetching) -> None:
        self._load, self._how = load, fetching
        self._fetchers: list[_Fetcher] = []

    def fetch(self, orders: Iterable[Order]) -> Iterator[Parcel]:
        """The scenes of each order.

        Raises:
            BadInput: no scene of a domain can be read.
            OSError: a store cannot be reached.
            RuntimeError: fetchers die again and again over the same work.
        """
        if not self._how.processes:
            for order in orders:
                yield parcel_here(self._load(order))
            return
        rest, line = iter(orders), deque[_Ticket]()
        while self._order_ahead(rest, line):
            yield self._answer(line)

    def close(self) -> None:
        """End the processes; what they were making is dropped."""
        for fetcher in self._fetchers:
            _end(fetcher)
        self._fetchers.clear()

    def _order_ahead(self, rest: Iterator[Order], line: deque[_Ticket]) -> bool:
        """Hand out work up to the limit; whether any is in the making."""
        for fetcher in self._fetchers:
            if not fetcher.process.is_alive():
                self._replace(fetcher)
        size = sum(ticket.order.size for ticket in line)
        while len(line) <= self._how.processes or (
            size < self._how.ahead and len(line) < MOST_AHEAD
        ):
            order = next(rest, None)
            if order is None:
                break
            line.append(_Ticket(order))
            size += order.size
            self._submit(line[-1])
        return bool(line)

    def _answer(self, line: deque[_Ticket]) -> Parcel:
        """The oldest order's scenes, through deaths of fetchers."""
        while (answer := line[0].answer) is None:
            busy: dict[object, _Fetcher] = {f.connection: f for f in self._fetchers if f.open}
            for connection in wait([fetcher.connection for fetcher in busy.values()]):
                self._take(busy[connection])
        line.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _take(self, fetcher: _Fetcher) -> None:
        """What a process sends: the scenes, an error, or its end."""
        try:
            answer = fetcher.connection.recv()
            if not isinstance(answer, Exception):
                if answer.fresh:
                    fetcher.memory.add(answer.slot, recv_handle(fetcher.connection))
                answer = fetcher.memory.parcel(answer)
        except (EOFError, OSError, RuntimeError):  # the last is recv_handle's for a torn message
            self._replace(fetcher)
        else:
            fetcher.open.popleft().answer = answer

    def _submit(self, ticket: _Ticket) -> None:
        while len(self._fetchers) < self._how.processes:
            self._fetchers.append(_start(self._load))
        idlest = min(self._fetchers, key=lambda f: (sum(t.order.size for t in f.open), len(f.open)))
        idlest.open.append(ticket)
        _send(idlest, ticket)

    def _replace(self, fetcher: _Fetcher) -> None:
        """A new process in its place does all that it had to do."""
        self._how.on_fault("a fetcher died: replaced, its work is done again")
        _end(fetcher)
        if fetcher.open:
            _count_death(fetcher.open[0])
        fresh = _start(self._load)
        fetcher.process, fetcher.connection = fresh.process, fresh.connection
        fetcher.memory = fresh.memory
        for ticket in fetcher.open:
            _send(fetcher, ticket)


def _count_death(ticket: _Ticket) -> None:
    """A process died over this work, as far as one can tell."""
    ticket.deaths += 1
    if ticket.deaths > REPLACEMENTS:
        raise RuntimeError(
            f"fetchers died {ticket.deaths} times over the same work, {ticket.order}: see the "
            "system's log for the reason (memory?), or set engine.fetchers to 0 to load in the rank"
        )


def _start(load: Load) -> _Fetcher:
    """A process of its own; spawned, since threads and clients of stores do not survive a fork."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_serve, args=(its, load), daemon=True)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with _no_main_module():
        process.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # the first start unblocks SIGINT for good
    its.close()
    return _Fetcher(process, ours)


def _send(fetcher: _Fetcher, ticket: _Ticket) -> None:
    """Hand an order over; a process that is dead by now is found so where its answer is read."""
    with suppress(OSError):
        fetcher.connection.send((ticket.order, fetcher.memory.given_back()))


def _end(fetcher: _Fetcher) -> None:
    fetcher.connection.close()
    fetcher.memory.close()
    fetcher.process.kill()
    fetcher.process.join()


def _serve(connection: Connection, load: Load) -> None:
    """The whole life of a fetcher: orders in, parcels out, until the rank is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the rank's to answer
    end_with_parent()
    keep_freed_memory()
    memory = Laying()
    with suppress(EOFError, ConnectionError):  # the rank is gone
        while True:
            order, given_back = connection.recv()
            memory.take_back(given_back)
            _serve_order(connection, load, order, memory)


def _serve_order(connection: Connection, load: Load, order: Order, memory: Laying) -> None:
    try:
        loaded = load(order)
    except Exception as error:  # noqa: BLE001 - it is raised again in the rank
        connection.send(error)
        return
    given = memory.lay(loaded)
    connection.send(given)
    if given.fresh:
        send_handle(connection, memory.descriptor(given.slot), os.getppid())


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Spawn without running the parent's script once more: in a Ray worker that is Ray's own."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
