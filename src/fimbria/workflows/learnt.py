"""What is taken from the tables of training people before any image is read: the task, and what is given beside the image."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fimbria.errors import InputError, MapsError, Problem, ProblemsError, listing, refuse
from fimbria.experiment.experiment import own_files
from fimbria.learning.samples.covariates import Covariates
from fimbria.learning.tasks import Fittable, Selective, Task
from fimbria.results.evaluation.metric import find as find_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fimbria.data.cohort.cohort import Cohort
    from fimbria.data.cohort.splits import Split
    from fimbria.experiment.experiment import Experiment
    from fimbria.workflows.choices import Choices


T = TypeVar("T")


class Learnt(NamedTuple):
    """What one split's training people complete.

    Attributes
    ----------
    task
        With its classes, or the mean and spread of its values.
    covariates
        What is given to the network beside the image.
    """

    task: Task
    covariates: Covariates

    @classmethod
    def again(cls, fitted: Mapping[str, Any], choices: Choices) -> Learnt:
        """Make the task and the covariates again, as the training people of a split completed them and a MAPS keeps them.

        What is kept is data, and may come from a stranger: it completes the options that the task itself says it takes from
        training people, and no others, and names no file.

        Raises
        ------
        MapsError
            When nothing is kept of a task that took something from its training people, or something that it never takes.
        """
        kept, task = fitted["task"], choices.task.build()
        taken = dict(task.fitted) if isinstance(task, Fittable) else {}
        if taken and not kept:
            msg = "maps.json does not say what the task took from its training people, such as its classes. Copy the MAPS again from where it came from."
            raise MapsError(msg)
        if strange := [*(kept.keys() - taken.keys()), *own_files(kept)]:
            msg = f"maps.json says that the task {choices.task.component.name} took {listing(sorted(strange))} from its training people, which it never does: the file was changed. Copy the MAPS again from where it came from."
            raise MapsError(msg)
        return cls(choices.task.completed(kept), Covariates.taken_up(fitted["covariates"]))

    @property
    def fitted(self) -> dict[str, Any]:
        """What a MAPS keeps of it."""
        kept = dict(self.task.fitted) if isinstance(self.task, Fittable) else {}
        return {"task": kept, "covariates": self.covariates.fitted}


def learnable(splits: Sequence[Split], experiment: Experiment, choices: Choices) -> dict[int, Learnt]:
    """Complete the task and the covariates of each split from its training people.

    Raises
    ------
    ProblemsError
        When a label is missing, padded or not what the task learns, a class is unseen in some training side, or a
        covariate is not there; of all splits at once.
    """
    learnt: dict[int, Learnt] = {}
    problems: list[Problem] = []
    columns = ", ".join(choices.task.build().columns)
    again = f"or make the splits again with --stratify {columns}"
    for split in splits:
        made, found = tried(partial(_of, split.train, experiment, choices))
        problems += [Problem(f"split-{split.index}: {one.what}", one.remedy) for one in found]
        if made is None:
            continue
        learnt[split.index] = made
        looks: tuple[Callable[[Cohort], object], ...] = (made.task.targets, made.covariates.encode)
        for side, look in product((split.train, split.other), looks):
            _, found = tried(partial(look, side))
            problems += [Problem(f"split-{split.index}: {one.what}", f"{one.remedy}; {again}") for one in found]
    about = f"the labels ({columns or 'none'})"
    refuse(about, problems)
    refuse(about, [*_other_classes(learnt), *_undefined(splits, learnt, experiment)])
    return learnt


def validated(split: Split, choices: Choices) -> Split:
    """Keep the sessions of the validation side that the task is validated on."""
    task = choices.task.build()
    if not isinstance(task, Selective):
        return split
    kept = split.other.keep(
        task.validates(split.other), f"is what the task {choices.task.component.name} is validated on"
    )
    return type(split)(split.index, split.train, kept, split.name)


def _of(train: Cohort, experiment: Experiment, choices: Choices) -> Learnt:
    task = choices.task.build()
    return Learnt(
        task.fit(train) if isinstance(task, Fittable) else task,
        Covariates.fitted_on(train, experiment.data.covariates),
    )


def tried(look: Callable[[], T]) -> tuple[T | None, tuple[Problem, ...]]:
    """Give what a look gives, or what is wrong with what it looks at."""
    try:
        return look(), ()
    except ProblemsError as error:
        return None, error.problems
    except InputError as error:
        return None, (Problem(str(error)),)


def _classes(learnt: Learnt) -> list[str]:
    return list(learnt.fitted["task"].get("classes", ()))


def _other_classes(learnt: Mapping[int, Learnt]) -> list[Problem]:
    """Say which training sides lack a class that another has: their networks could not be averaged."""
    everything = {name for one in learnt.values() for name in _classes(one)}
    return [
        Problem(
            f"split-{split}: nobody of {', '.join(sorted(lacking))} is in training",
            "make the splits again with --stratify",
        )
        for split, one in learnt.items()
        if (lacking := everything - set(_classes(one)))
    ]


def _undefined(splits: Sequence[Split], learnt: Mapping[int, Learnt], experiment: Experiment) -> list[Problem]:
    """Say where a metric that chooses weights would be undefined: a class is not in validation, or only one value is."""
    problems = []
    for split in splits:
        task, names = learnt[split.index].task, _classes(learnt[split.index])
        chosen = [find_metric(name, task.metrics) for name in experiment.task.selection_metrics]
        targets = task.targets(split.other)
        if targets is None:
            continue
        columns, column = targets.reshape(len(targets), -1), next(iter(task.columns), "")
        codes = set(columns[:, 0].tolist())
        lacking = [name for code, name in enumerate(names) if code not in codes]
        same = bool((columns == columns[:1]).all())
        why = {
            f"nobody of {', '.join(lacking)} is in validation": [
                one.name for one in chosen if one.by_class and lacking
            ],
            f"everybody in validation has the same {column}": [one.name for one in chosen if one.varied and same],
        }
        remedy = f"make the splits again with --stratify {column}, or choose --task.selection_metrics loss"
        problems += [
            Problem(f"split-{split.index}: {reason}, so {undefined[0]} is undefined", remedy)
            for reason, undefined in why.items()
            if undefined
        ]
    return problems
