from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from fimbria.errors import ImageError, InputError, MissingExtraError
from fimbria.execution import InThisProcess, executor, run
from jobs import work


def test_one_job_runs_here_in_order_and_collects_errors():
    with executor(1) as pool:
        outcomes = list(run(work, ["a", "bad", "b"], pool))
    assert [outcome.item for outcome in outcomes] == ["a", "bad", "b"]
    assert [outcome.result and outcome.result[:2] for outcome in outcomes] == [
        ("a", os.getpid()),
        None,
        ("b", os.getpid()),
    ]
    assert isinstance(outcomes[1].error, ImageError)
    assert str(outcomes[1].error) == "this image is bad"


def test_one_job_runs_when_it_is_asked_for_and_not_before():
    seen = []
    outcomes = run(seen.append, [1, 2], InThisProcess())
    assert seen == []
    next(outcomes)
    assert seen == [1]


def test_two_processes_give_every_outcome_and_one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with executor(2) as pool:
        outcomes = {outcome.item: outcome for outcome in run(work, ["a", "bad", "b", "extra", "c"], pool)}
    assert set(outcomes) == {"a", "bad", "b", "extra", "c"}
    for item in "abc":
        name, process, threads = outcomes[item].result
        assert (name, threads) == (item, "1")
        assert process != os.getpid()
    assert isinstance(outcomes["bad"].error, ImageError)
    assert isinstance(outcomes["extra"].error, MissingExtraError)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_a_worker_that_dies_says_so():
    with pytest.raises(InputError, match=r"a worker process ended without a word.*fewer --jobs"), executor(2) as pool:
        list(run(work, ["a", "dies", "b"], pool))


def test_a_pool_that_is_broken_already_says_so_too():
    with executor(2) as pool:
        pool.submit(work, "dies").exception()
        with pytest.raises(InputError, match="ended without a word"):
            list(run(work, ["a"], pool))


def interrupted():
    """Press Ctrl-C while a long job runs."""
    with executor(2) as pool:
        running = pool.submit(time.sleep, 200)
        while not running.running():
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_an_interrupt_ends_what_runs_and_goes_on():
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize("pool", [1, 2])
def test_a_bug_is_raised_as_it_is(pool):
    with pytest.raises(ZeroDivisionError, match="a bug"), executor(pool) as place:
        list(run(work, ["bug"], place))


@pytest.mark.parametrize("jobs", [0, -1])
def test_fewer_jobs_than_one_are_refused(jobs):
    with pytest.raises(InputError, match=f"--jobs {jobs}: at least 1"), executor(jobs):
        pass


def test_a_script_without_a_guard_can_use_several_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from fimbria.execution import executor, run\n"
        "with executor(2) as pool:\n"
        "    print(sorted(outcome.result for outcome in run(os.path.basename, ['a/b', 'c/d', 'e/f'], pool)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['b', 'd', 'f']"
