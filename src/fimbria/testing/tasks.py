"""Conformance kit of tasks: what the house relies on, checked on one of your own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fimbria.errors import InputError
from fimbria.learning.inference import tabulate
from fimbria.learning.outputs import Domains, plain
from fimbria.learning.samples.sample import Whose
from fimbria.learning.tasks import Fittable
from fimbria.testing.checks import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.geometry import Shape
    from fimbria.learning.outputs import Outputs
    from fimbria.learning.tasks import Task
    from fimbria.results.predictions.table import PredictionTable

_CLOSE = 1e-5  # of losses: batches of other sizes are summed in another order


def check_task(
    factory: Callable[..., Task],
    cohort: Cohort,
    *,
    image_size: Shape = (1, 6, 5, 4),
    network: Callable[[Tensor], Outputs] | None = None,
    **options: object,
) -> None:
    """Check that a task can be learnt, read and made again.

    Parameters
    ----------
    factory
        Called as ``factory(**options)``.
    cohort
        People with what it learns in their table; they complete a task that takes something from training people.
    image_size
        ``(channel, ...)``, for a task whose target is the image.
    network
        What gives the outputs for images ``(sample, channel, ...)``, where it is no plain tensor. Left out, they are drawn.
    **options
        Its options.

    Raises
    ------
    AssertionError
        When a column that it learns is not in the tables; targets are not one a session, or what is left of them for
        somebody depends on the others; `outputs` is no whole number of at least 1; the loss is not one finite number a
        sample, depends on the batch, ignores the outputs, or cannot be differentiated by them; `fitted` names other options
        before it is fitted; made again from what it took, kept as JSON, it is another; what it reads is no
        `PredictionTable`, depends on the batch or on the truth; or a metric that is followed cannot be scored, or the
        metrics not be evaluated.
    """
    made = factory(**options)
    named = set(made.fitted) if isinstance(made, Fittable) else set[str]()
    task = made.fit(cohort) if isinstance(made, Fittable) else made
    lacking = [column for column in task.columns if column not in cohort.frame]
    require(not lacking, f"columns of the tables were wanted; {', '.join(lacking)} is in none")
    targets = _targets(task, cohort, image_size)
    outputs = _outputs(task, targets, network)
    losses = _check_loss(task, outputs, targets)
    table = _check_read(task, cohort, outputs, targets, losses)
    _check_scores(task, table)
    if isinstance(task, Fittable):
        fitted = json.loads(json.dumps(dict(task.fitted)))
        new = sorted(fitted.keys() - named)
        require(
            not new,
            f"what it takes from training people should be named by `fitted` before too; {', '.join(new)} is not",
        )
        again = factory(**{**options, **fitted})
        same = again.outputs == task.outputs and torch.equal(_targets(again, cohort, image_size), targets)
        require(same, "a task that is made again from what it took should want the same outputs and targets")
        same = torch.equal(again.loss(outputs, targets), task.loss(outputs, targets))
        require(same, "a task that is made again from what it took should have the same loss")
        read = _read(again, cohort, outputs, targets)
        require(read.frame.equals(table.frame), "a task that is made again from what it took should read the same")


def _targets(task: Task, cohort: Cohort, image_size: Shape) -> Tensor:
    """Give what outputs are compared with: what the tables say, or images."""
    if task.outputs is None:
        require(
            task.targets(cohort) is None, "no targets were wanted of a task whose target is the image (outputs None)"
        )
        return torch.rand((len(cohort), *image_size), generator=torch.Generator().manual_seed(0))
    whole = isinstance(task.outputs, int) and task.outputs >= 1
    require(
        whole,
        f"outputs should be 1 or more, or None for an image, once training people are known, not {task.outputs!r}",
    )
    targets = task.targets(cohort)
    require(isinstance(targets, torch.Tensor), f"targets should be a Tensor, not {type(targets).__name__}")
    assert targets is not None  # noqa: S101  (the sentence above says it)
    require(len(targets) == len(cohort), f"{len(cohort)} targets were wanted, one a session, not {len(targets)}")
    first = task.targets(cohort.keep(np.arange(len(cohort)) < 1, "is the first"))
    same = first is not None and torch.equal(first, targets[:1])
    require(same, "the target of a session should not depend on who else is there")
    return targets


def _outputs(task: Task, targets: Tensor, network: Callable[[Tensor], Outputs] | None) -> Outputs:
    generator = torch.Generator().manual_seed(1)
    if network is not None:
        images = targets if task.outputs is None else torch.rand((len(targets), 1, 6, 5, 4), generator=generator)
        with torch.no_grad():
            return plain(network(images))
    shape = tuple(targets.shape) if task.outputs is None else (len(targets), task.outputs)
    return torch.rand(shape, generator=generator)


def _check_loss(task: Task, outputs: Outputs, targets: Tensor) -> NDArray[np.float64]:
    learnt = _each(outputs, lambda one: one.clone().requires_grad_())
    losses = task.loss(learnt, targets)
    wanted = (len(targets),)
    require(tuple(losses.shape) == wanted, f"one loss a sample was wanted, {wanted}, not {tuple(losses.shape)}")
    require(bool(torch.isfinite(losses).all()), "finite losses were wanted, others were given")
    require(losses.requires_grad, "the loss should have a gradient by the outputs, and has none")
    losses.sum().backward()  # type: ignore[no-untyped-call]  # torch's own
    gradients = [one.grad for one in _tensors(learnt)]
    moved = [gradient for gradient in gradients if gradient is not None and bool(gradient.any())]
    require(bool(moved), "the loss should depend on the outputs, and its gradient is 0 everywhere")
    alone = torch.cat([task.loss(_one(outputs, at), targets[at, None]) for at in range(len(targets))])
    independent = torch.allclose(alone, losses.detach(), rtol=_CLOSE, atol=_CLOSE)
    require(independent, "the loss of a sample should not depend on the batch that it is in, and does")
    return losses.detach().double().numpy()


def _check_read(
    task: Task, cohort: Cohort, outputs: Outputs, targets: Tensor, losses: NDArray[np.float64]
) -> PredictionTable:
    table, columns = _read(task, cohort, outputs, targets), _read_columns(task, outputs, targets)
    of_domains = isinstance(outputs, Domains)  # those have a loss of their own, which no prediction knows
    close = of_domains or np.allclose(columns.get("loss", losses), losses, rtol=1e-3, atol=1e-3)
    require(close, "the column loss should hold the loss of each sample, and holds something else")
    rows = [_read_columns(task, _one(outputs, at), targets[at, None]) for at in range(len(targets))]
    for name, values in columns.items():
        alone = np.concatenate([row[name] for row in rows])
        same = (
            np.allclose(alone, values, rtol=1e-4, atol=_CLOSE)
            if values.dtype != object
            else bool((alone == values).all())
        )
        require(same, f"what is read of a sample should not depend on its batch; {name} does")
    if task.outputs is not None:
        unknown = _read_columns(task, outputs, None)
        told = [name for name in unknown if name.startswith("true_") or name == "loss"]
        require(not told, f"without targets no truth can be told; {', '.join(told)} was")
        tabulate(_whose(cohort), [unknown], "image")
    return table


def _read_columns(task: Task, outputs: Outputs, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
    with torch.inference_mode():
        columns = task.read(outputs, targets)
    samples = len(_tensors(outputs)[0])
    for name, values in columns.items():
        found = tuple(values.shape) if isinstance(values, np.ndarray) else type(values).__name__
        require(found == (samples,), f"read should give {name} as an array of {samples} samples, not {found}")
    return columns


def _read(task: Task, cohort: Cohort, outputs: Outputs, targets: Tensor) -> PredictionTable:
    try:
        return tabulate(_whose(cohort), [_read_columns(task, outputs, targets)], "image")
    except InputError as error:
        msg = f"what is read should make a table of predictions: {error}"
        raise AssertionError(msg) from error


def _check_scores(task: Task, table: PredictionTable) -> None:
    names = list(task.metrics.followed)
    require("loss" in names, f"the loss was wanted among the metrics that are followed, which are {', '.join(names)}")
    if (known := table.known()) is None:
        msg = "people whose truth is known were wanted, to score what is said of them; it is of none"
        raise AssertionError(msg)
    scores = task.metrics.scores(known, names)
    require(
        sorted(scores) == sorted(set(names)), f"scores of {', '.join(names)} were wanted, not of {', '.join(scores)}"
    )
    evaluated = {str(name) for name in task.metrics.evaluate(known)["metric"]}
    left = sorted(set(names) - evaluated)
    require(not left, f"metrics that are followed should be evaluated too; {', '.join(left)} is not")


def _whose(cohort: Cohort) -> list[Whose]:
    return [Whose(*session, 0) for session in cohort.sessions]


def _each(outputs: Outputs, change: Callable[[Tensor], Tensor]) -> Outputs:
    if isinstance(outputs, torch.Tensor):
        return change(outputs)
    changed = [change(one) for one in outputs]
    return type(outputs)(*changed) if hasattr(outputs, "_fields") else tuple(changed)


def _one(outputs: Outputs, at: int) -> Outputs:
    """Give the outputs for one sample, as a batch of its own."""
    return _each(outputs, lambda of_all: of_all[at, None])


def _tensors(outputs: Outputs) -> tuple[Tensor, ...]:
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)
