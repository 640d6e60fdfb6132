"""Where independent jobs run: this process or local ones, behind one `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from fimbria.errors import FimbriaError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
Item = TypeVar("Item")
Result = TypeVar("Result")
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
_FEW = 3
_KEPT = str(1 << 32)  # bytes
# what a worker process begins with: one thread, and memory that is used again for the next image, not given back between
_WORKER = {**dict.fromkeys(_ONE_THREAD, "1"), "MALLOC_MMAP_THRESHOLD_": _KEPT, "MALLOC_TRIM_THRESHOLD_": _KEPT}
_DIED = "a worker process ended without a word, most likely for lack of memory. Try again with fewer --jobs."


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of one job.

    Attributes
    ----------
    item
        What the job was given.
    result
        What it returned; None if it failed.
    error
        What went wrong; None if nothing did.
    """

    item: Item
    result: Result | None
    error: FimbriaError | None


class InThisProcess(Executor):
    """Runs each job at once, where it is submitted."""

    def submit(self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """Run the job and give its finished future."""
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (a future keeps whatever was raised)
            future.set_exception(error)
        return future


@contextmanager
def executor(jobs: int, items: int | None = None, *, quick: bool = False) -> Iterator[Executor]:
    """Give a place to run jobs: this process for one, a pool of fresh single-threaded processes for more.

    Parameters
    ----------
    jobs
        Processes that the user allows.
    items
        How many jobs there will be: no more processes are started than that. None where it is not known.
    quick
        A job takes less than a process takes to start: a few of them run here.

    Raises
    ------
    InputError
        When `jobs` is less than 1.

    On Ctrl-C what waits is dropped, what runs is ended, and the interrupt goes on to the caller.
    """
    if jobs < 1:
        msg = f"--jobs {jobs}: at least 1 is needed."
        raise InputError(msg)
    if items is not None:
        jobs = 1 if quick and items <= _FEW else max(1, min(jobs, items))
    if jobs == 1:
        yield InThisProcess()
        return
    before = {name: os.environ.get(name) for name in _WORKER}
    os.environ.update(_WORKER)
    pool = ProcessPoolExecutor(jobs, mp_context=_Spawn(), initializer=_ignore_interrupt)
    try:
        yield pool
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run(function: Callable[[Item], Result], items: Iterable[Item], pool: Executor) -> Iterator[Outcome[Item, Result]]:
    """Run `function` on each item; give each outcome as soon as it is there.

    Wrong input of one item does not stop the others: its error is in the outcome. Anything else is raised.
    """
    if isinstance(pool, InThisProcess):
        for item in items:
            yield _outcome(item, pool.submit(function, item))
        return
    waiting: dict[Future[Any], Item] = {}
    try:
        for item in items:
            waiting[pool.submit(function, item)] = item
    except BrokenProcessPool as error:
        raise InputError(_DIED) from error
    for future in as_completed(waiting):
        yield _outcome(waiting[future], future)


def _outcome(item: Item, future: Future[Result]) -> Outcome[Item, Result]:
    try:
        return Outcome(item, future.result(), None)
    except FimbriaError as error:
        return Outcome(item, None, error)
    except BrokenProcessPool as error:
        raise InputError(_DIED) from error


class _Process(SpawnProcess):
    """A fresh process that does not run the user's script again: jobs are functions of this package."""

    def start(self) -> None:
        """Start, with the script out of sight."""
        main = sys.modules["__main__"]
        hidden: dict[str, Any] = {n: vars(main).pop(n) for n in ("__file__", "__spec__") if n in vars(main)}
        vars(main)["__spec__"] = None
        try:
            super().start()
        finally:
            vars(main).update(hidden)


class _Spawn(SpawnContext):
    """Starts such processes."""

    Process = _Process


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
