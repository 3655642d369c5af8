"""Calls in processes of their own: their results, what becomes of one that dies or takes too long, and that none is left behind."""

import multiprocessing
import os
import time
from contextlib import closing
from operator import call
from pathlib import Path

import pytest

from pyramidcolor.workers import Lost, side_by_side


def test_every_call_has_its_result_and_as_many_processes_are_started_as_were_asked_for():
    results = dict(side_by_side(call, [(divmod, 17, 5), *[(os.getpid,)] * 5], workers=2, limit=120))
    assert results.pop(0) == (3, 2)
    assert sorted(results) == [1, 2, 3, 4, 5]
    assert os.getpid() not in results.values()
    assert len(set(results.values())) <= 2


def wait_for(ours, theirs):
    """Make a file and wait for another."""
    Path(ours).touch()
    while not Path(theirs).exists():
        time.sleep(0.05)
    return True


def test_calls_run_at_the_same_time(tmp_path):
    files = [str(tmp_path / name) for name in ("one", "two")]
    assert dict(side_by_side(wait_for, [files, files[::-1]], workers=2, limit=60)) == {0: True, 1: True}


def test_a_worker_that_dies_costs_only_its_own_call(capfd):
    calls = [(os._exit, 3), (int, "three"), (divmod, 17, 5), (divmod, 7, 5)]
    results = dict(side_by_side(call, calls, workers=1, limit=120))
    assert isinstance(results[0], Lost)
    assert results[0].why == "its process ended with status 3"
    assert results[0].seconds > 0
    assert results[1].why == "its process ended with status 1"
    assert "ValueError: invalid literal for int() with base 10: 'three'" in capfd.readouterr().err
    assert (results[2], results[3]) == ((3, 2), (1, 2))


def test_a_call_that_takes_too_long_is_ended_and_the_others_go_on():
    results = dict(side_by_side(call, [(time.sleep, 600), (divmod, 17, 5)], workers=1, limit=5))
    assert results[0].why == "its process had not ended after 5 s"
    assert results[1] == (3, 2)


def test_leaving_before_the_end_leaves_no_process():
    with closing(side_by_side(call, [(os.getpid,), *[(time.sleep, 600)] * 3], 2, limit=700)) as results:
        place, worker = next(results)
        assert place == 0
        assert worker in [child.pid for child in multiprocessing.active_children()]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("workers", "limit"), [(0, 1), (1, 0)])
def test_without_workers_or_time_nothing_begins(workers, limit):
    with pytest.raises(ValueError, match=f"must be positive, got {workers} and {limit}"):
        next(side_by_side(call, [(os.getpid,)], workers, limit))
