"""The command line in processes of its own: several that train together, or one that is killed to see what is left.

They run on this machine's CPU, each with one torch thread, so that their weights can be compared bit by bit. On GPUs and on
several machines `accelerate launch` takes the part of `run_command`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from threading import Timer

_LAST_LINES = 12  # of a process that failed
_PATIENCE = 60  # seconds that a launcher gets to end its processes


def command(words: Sequence[object], processes: int = 1) -> list[str]:
    """The program and arguments that run `python -m pyramidcolor WORDS`, in several processes that know of one another.

    Args:
        words: what stands behind `python -m pyramidcolor`.
        processes: how many; PyTorch's own launcher, which `accelerate launch` uses too, starts more than one.

    Raises:
        ValueError: if `processes` is less than 1.

    Example:
        >>> " ".join(command(["train", "--help"], processes=2)[1:])
        '-m torch.distributed.run --standalone --nproc_per_node 2 -m pyramidcolor train --help'
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}")
    group = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return [sys.executable, *(group if processes > 1 else []), "-m", "pyramidcolor", *map(str, words)]


def run_command(words: Sequence[object], processes: int = 1, timeout: float = 600) -> list[str]:
    """Run `python -m pyramidcolor WORDS` to its end; the lines that it printed, errors among them.

    Args:
        words, processes: as in `command`.
        timeout: seconds.

    Raises:
        RuntimeError: if it ends with another status than 0; names its last lines.
        TimeoutError: if it takes longer; it is then ended.
    """
    with _started(words, processes) as process:
        lines = _read(process, None, timeout)
    if process.returncode:
        raise RuntimeError(_failure(words, process.returncode, lines))
    return lines


def kill_command(words: Sequence[object], after: str, timeout: float = 600) -> list[str]:
    """Run `python -m pyramidcolor WORDS` and kill it without warning once it has printed a certain text.

    Args:
        words: as in `command`.
        after: text within the line to wait for.
        timeout: seconds.

    Returns:
        The lines until then.

    Raises:
        RuntimeError: if it ends before; names its last lines.
        TimeoutError: if it takes longer; it is then ended.
    """
    with _started(words) as process:
        lines = _read(process, after, timeout)
        process.kill()  # SIGKILL: no code of the process runs any more
    if not lines or after not in lines[-1]:
        raise RuntimeError(_failure(words, process.returncode, lines))
    return lines


def _started(words: Sequence[object], processes: int = 1) -> subprocess.Popen:
    environment = os.environ | {
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "PYRAMIDCOLOR_QUIET": "1",
        "PYTHONIOENCODING": "utf-8",
        "USE_LIBUV": "0",  # which PyTorch's builds for Windows lack
    }
    return subprocess.Popen(
        command(words, processes),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a pipe of its own that nobody reads would fill, and stop the process
        encoding="utf-8",
    )


def _read(process: subprocess.Popen, after: str | None, timeout: float) -> list[str]:
    """The process's lines until one holds `after`, or to its end."""
    lines: list[str] = []
    late: list[list[str]] = []
    alarm = Timer(timeout, lambda: (late.append(lines[-_LAST_LINES:]), _end(process)))
    alarm.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if after is not None and after in line:
                return lines
        process.wait()
    except BaseException:
        _end(process)  # an interrupted cell leaves no process behind
        raise
    finally:
        alarm.cancel()
    if late:
        raise TimeoutError("\n".join([f"no end after {timeout:g} s; last it said:", *late[0]]))
    return lines


def _end(process: subprocess.Popen) -> None:
    process.terminate()  # which a launcher passes on to its processes; killed, it would leave them behind
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def _failure(words: Sequence[object], status: int, lines: Sequence[str]) -> str:
    said = " ".join(map(str, words))
    return "\n".join([f"python -m pyramidcolor {said} ended with status {status}:", *lines[-_LAST_LINES:]])
