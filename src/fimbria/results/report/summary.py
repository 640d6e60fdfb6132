"""The report's first paragraph: what was learnt, from whom, and how well it does, for somebody who was not there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from fimbria.errors import counted
from fimbria.results.report import method
from fimbria.results.report.wording import joined, number, people, spread, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fimbria.results.maps.maps import Maps
    from fimbria.results.report.people import People
    from fimbria.results.report.scored import Score, Scored

_GUESSING = 0.5  # balanced accuracy of somebody who does not look, whatever the number of classes
_MOST_NAMED = 5
_WORDS = {"mae": "mean absolute error", "ssim": "structural similarity", "mse": "mean squared error"}
_NAMES = {
    "mae": "MAE",
    "mae-of-mean": "MAE of mean",
    "mse": "MSE",
    "rmse": "RMSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lncc": "LNCC",
    "r2": "R2",
    "roc-auc": "ROC AUC",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "lr-plus": "LR+",
    "lr-minus": "LR-",
}


class Summary(NamedTuple):
    """Sentences on what came of it, and on how to read them."""

    told: tuple[str, ...]
    explained: tuple[str, ...]


def metric_name(name: str) -> str:
    """Give the name of a metric as text says it."""
    return _NAMES.get(name, name.replace("-", " "))


def of(maps: Maps, everybody: People, found: Sequence[Scored]) -> Summary:
    """Say it in a few sentences a clinician can read."""
    first = maps.experiment.task.selection_metrics[0]
    chosen = [scored for scored in found if scored.chosen_by == first]
    tests = list(dict.fromkeys(scored.group for scored in chosen if scored.group not in {"validation", "train"}))
    said = [*method.sentences(maps), _from_whom(maps, everybody)]
    shown: list[Score] = []
    for group in tests:
        runs = [run for run in chosen if run.group == group]
        said += _of_group(group, runs, everybody, shown, several=len(maps.experiment.task.selection_metrics) > 1)
    if not tests:
        said.append("No test group has been predicted yet.")
    if not shown:
        said += _of_validation([run for run in chosen if run.group == "validation"], maps, shown)
    chance = _about_chance(shown) if method.classes_of(maps) else ()
    explained = (_meaning(maps), *chance) if shown else ()
    return Summary(tuple(sentence for sentence in said if sentence), explained)


def unfinished(maps: Maps) -> str:
    """Say which splits are not trained to their end; nothing where all are."""
    left = [f"{split}" for split in maps.splits if not maps.training(split).is_finished()]
    if not left:
        return ""
    which = f"Split {left[0]} is" if len(left) == 1 else f"Splits {joined(left)} are"
    return f"{which} not finished: what stands here of {'it' if len(left) == 1 else 'them'} is missing or will change. `fimbria resume` goes on."


def _from_whom(maps: Maps, group: People) -> str:
    train, validation = group.of("train"), group.of("validation")
    if not train or not validation:
        return ""
    taught, chose = ([size.participants for size in sizes] for sizes in (train, validation))
    if len(maps.splits) == 1:
        one, other = train[0], validation[0]
        return f"It learnt from {people(one.participants, one.sessions)}; {people(other.participants, other.sessions)} chose the epoch at which the network was kept."
    everybody = f" of {counted(group.seen[0], 'participant')}" if group.seen else ""
    return (
        f"This was done for {len(maps.splits)} splits{everybody}: in each, {spread(taught)} participants taught a network "
        f"and {spread(chose)} others chose the epoch at which it was kept."
    )


def _of_group(
    group: str, runs: Sequence[Scored], everybody: People, shown: list[Score], *, several: bool
) -> Iterator[str]:
    sizes = everybody.of(group)
    who = f"the group {group!r}" + (f" of {people(sizes[0].participants, sizes[0].sessions)}" if sizes else "")
    if sizes and sizes[0].shared == 0:
        who += ", none of whom, by name, took part in training or validation"
    averaged = [run for run in runs if run.split is None]
    scores = _defined(averaged or runs)
    if not scores:
        unlabelled = any(run.images is not None and not run.images.labelled for run in runs)
        yield (
            f"In {who}, the truth is not known, so no score can be given."
            if unlabelled
            else f"{who[0].upper()}{who[1:]} has no scores."
        )
        return
    shown += [score for _, score in scores]
    by = f", averaging what the networks of {len(runs) - 1} splits say" if averaged and len(runs) > 2 else ""  # noqa: PLR2004
    by += f", with the weights that the {metric_name(runs[0].chosen_by)} chose" if several else ""
    yield f"In {who}, it reached a {_told(scores)} of {_named(scores)}{by}."
    guessed = (averaged or runs)[0].score("mae-of-mean") if len(averaged or runs) == 1 else None
    if guessed is not None:
        yield f"Giving everybody the mean value of the training people would have an error of {with_interval(*guessed)}."
    yield from _of_data_sets(averaged or runs)
    if sizes and sizes[0].shared:
        yield (
            f"Beware: {counted(sizes[0].shared, 'participant')} of this group took part in training or validation, or may have; "
            "the score is flattering and does not count as a test."
        )


def _of_data_sets(runs: Sequence[Scored]) -> Iterator[str]:
    """Say what was reached in each data set, where one run speaks for all."""
    apart = runs[0].by_data_set(runs[0].main) if len(runs) == 1 else {}
    told = [f"{with_interval(*score)} in {name}" for name, score in apart.items()]
    if told:
        yield f"By data set: {joined(told)}."


def _of_validation(runs: Sequence[Scored], maps: Maps, shown: list[Score]) -> Iterator[str]:
    scores = _defined(runs)
    if not scores:
        yield "The validation group has no scores yet, or ones that are not defined."
        return
    shown += [score for _, score in scores]
    metric = metric_name(maps.experiment.task.selection_metrics[0])
    yield f"In the validation participants, the {_told(scores)} is {_named(scores)}."
    yield (
        f"But these very participants chose the epoch of the network that was kept (by their {metric}), and so flatter it: "
        "this is no estimate of how well it does for new people. `fimbria predict` scores a group that had no say."
    )


def _defined(runs: Sequence[Scored]) -> list[tuple[Scored, Score]]:
    scores = [(run, run.score(run.main)) for run in runs if run.main]
    return [(run, score) for run, score in scores if score is not None and math.isfinite(score.value)]


def _named(scores: Sequence[tuple[Scored, Score]]) -> str:
    """Give each score with its interval, or their mean and range where there are many."""
    if len(scores) == 1:
        return with_interval(*scores[0][1])
    if len(scores) <= _MOST_NAMED:
        return joined([f"{with_interval(*score)} in {run.name}" for run, score in scores])
    values = [score.value for _, score in scores]
    return f"{number(sum(values) / len(values))} on average over {len(values)} splits (from {number(min(values))} to {number(max(values))}; intervals below)"


def _told(scores: Sequence[tuple[Scored, Score]]) -> str:
    """Name the metric that speaks for some runs, as a sentence says it."""
    return _WORDS.get(scores[0][0].main, metric_name(scores[0][0].main))


def _meaning(maps: Maps) -> str:
    brackets = "Brackets hold the 95 % interval: how far the number moves when other people of the same kind are drawn."
    if not method.classes_of(maps):
        return f"{_of_values(maps)} {brackets}"
    positive = maps.fitted(maps.splits[0])["task"].get("positive")
    shares = (
        f"the share of people with {positive} who are found, and the share of the others who are rightly left alone"
        if positive
        else "the share of a class that is found and the share of the others that is rightly left alone, for each class in turn"
    )
    return (
        f"Balanced accuracy is the mean of two shares: {shares}; guessing gives {number(_GUESSING)}, perfection 1.00. "
        f"{brackets}"
    )


def _of_values(maps: Maps) -> str:
    fitted = [maps.fitted(split)["task"] for split in maps.splits]
    if any("low" not in one for one in fitted):
        return "A reconstruction is compared with its image, voxel by voxel; structural similarity is 1.00 where they are the same."
    return (
        f"The mean absolute error is in the unit of {joined(maps.columns)}; beside it stands that of somebody who always says the "
        f"mean of the training people (MAE of mean). Their values went from {min(one['low'] for one in fitted):g} to "
        f"{max(one['high'] for one in fitted):g}: beyond, a "
        "prediction is an extrapolation."
    )


def _about_chance(shown: Sequence[Score]) -> Iterator[str]:
    over = sum(score.low <= _GUESSING <= score.high for score in shown)
    if over:
        which = "The interval includes" if len(shown) == 1 else f"{over} of the {len(shown)} intervals include"
        yield f"{which} {number(_GUESSING)}: from these people alone, guessing is not ruled out."
