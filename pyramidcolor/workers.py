"""Calls side by side in workers: processes that take one call after another, and that do not outlive their parent."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

_PATIENCE = 15  # seconds that a worker gets to end its own processes before it is killed


@dataclass(frozen=True)
class Lost:
    """What stands in place of a result when a worker is gone: why, in words, and after how many seconds."""

    why: str
    seconds: float


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    place: int = -1  # of the call that it is at
    begun: float = 0.0

    def lost(self, why: str) -> Lost:
        return Lost(why, time.monotonic() - self.begun)


def usable_cores() -> int:
    """How many processor cores this process may use, where the system tells; else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(
    function: Callable[..., Any], calls: Sequence[tuple], workers: int, limit: float
) -> Iterator[tuple[int, Any]]:
    """The results of `function(*call)` for each of the calls, in the order in which they end.

    Workers are new Python processes, so `function`, its arguments and its results are pickled, and a script that comes here does
    so under `if __name__ == "__main__":`. They stand outside the terminal's foreground: Ctrl-C reaches the caller alone, and whatever
    ends this generator early ends the workers, by SIGTERM first. If the caller is killed, they get SIGTERM too.

    Args:
        function: of a module. What it raises is printed by its worker, which is lost then.
        calls: the arguments of each call; they begin in this order.
        workers: how many run at a time.
        limit: seconds that a call may take.

    Yields:
        The call's place in `calls`, and its result, or a `Lost` if its worker died or was ended since it took too long. The
        other calls go on.

    Raises:
        ValueError: if `workers` or `limit` is not positive.
    """
    if workers < 1 or limit <= 0:
        raise ValueError(f"workers and limit must be positive, got {workers} and {limit}")
    waiting, idle, busy = list(enumerate(calls))[::-1], [], []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _start(function)
                worker.place, call = waiting.pop()
                worker.begun = time.monotonic()
                busy.append(worker)
                with contextlib.suppress(OSError):  # a worker that died while it was idle is found out below
                    worker.connection.send(call)
            deadline = min(worker.begun for worker in busy) + limit
            ready = wait([worker.connection for worker in busy], max(deadline - time.monotonic(), 0))
            late = [worker for worker in busy if not ready and worker.begun + limit <= time.monotonic()]
            for worker in late + [worker for worker in busy if worker.connection in ready]:
                result = _late(worker, limit) if worker in late else _result(worker)
                busy.remove(worker)
                if not isinstance(result, Lost):
                    idle.append(worker)
                yield worker.place, result
    finally:
        _end([*busy, *idle])


def _start(function: Callable[..., Any]) -> _Worker:
    # Not forked: the caller may have threads, and a lock that one of them holds would stay locked in a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(function, theirs), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Worker(process, ours)


def _work(function: Callable[..., Any], connection: Connection) -> None:
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGTERM, _leave)
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            call = connection.recv()
        except (EOFError, OSError):
            return
        result = function(*call)
        with contextlib.suppress(OSError):  # nobody waits for it any more, as the next `recv` will tell
            connection.send(result)


def _leave(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.disable()  # what is cut short from here on is no error
    sys.exit(1)  # an exception, so that the call's own `finally` ends what it has started


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)


def _result(worker: _Worker) -> Any:
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(_PATIENCE)
        status = worker.process.exitcode
        _end([worker])
        return worker.lost(f"its process ended with status {status}")


def _late(worker: _Worker, limit: float) -> Lost:
    _end([worker])
    return worker.lost(f"its process had not ended after {limit:g} s")


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    patience = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.process.join(max(patience - time.monotonic(), 0))
        worker.process.kill()
        worker.process.join()
