"""The whole story on a laptop: people made from a template brain, split, trained on, predicted, reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fimbria.errors import InputError
from fimbria.experiment import files
from fimbria.experiment.experiment import Experiment
from fimbria.workflows.generate import generate_atrophy
from fimbria.workflows.predict import Prediction, predict
from fimbria.workflows.report import report
from fimbria.workflows.show import Show, quiet
from fimbria.workflows.splits import kfold_cohort, split_cohort
from fimbria.workflows.train import train

PEOPLE, HELD_OUT, FOLDS, DEGREE = 100, 25, 3, 40.0
ALIKE = ("age_bl", "sex")


@dataclass(frozen=True, eq=False)
class Demonstration:
    """What a demonstration leaves behind.

    Attributes
    ----------
    folder
        Where everything is.
    prediction
        Of the people that were held out.
    report
        The page to open.
    """

    folder: Path
    prediction: Prediction
    report: Path


def demo(folder: str | Path, *, seed: int = 3, jobs: int = 2, show: Show = quiet) -> Demonstration:
    """Run the main job from end to end on synthetic people, half of whom lost signal in the hippocampus.

    Parameters
    ----------
    folder
        A folder that does not exist yet, or is empty.
    seed
        Other seed, other people.
    jobs
        Processes that make people.
    show
        Who watches.

    Raises
    ------
    InputError
        When the folder holds something.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} holds something already. Choose another folder: fimbria demo OTHER_FOLDER."
        raise InputError(msg)
    if jobs < 1:
        msg = f"--jobs {jobs}: at least 1 is needed."
        raise InputError(msg)
    caps, labels = folder / "caps", folder / "labels"
    show.say(
        f"1. Making {PEOPLE} people from a template brain; half lose {DEGREE:g} % of the signal in the hippocampus."
    )
    table = generate_atrophy(caps, people=PEOPLE, degree=DEGREE, seed=seed, spacing=2, jobs=jobs, show=show)
    show.say(
        f"2. Holding {HELD_OUT} of them out, and dealing the others into {FOLDS} folds of like age and sex; nobody is on two sides."
    )
    split_cohort(table, labels, test=HELD_OUT, stratify="diagnosis", balance=ALIKE, seed=seed)
    kfold_cohort(labels / "train.tsv", folder / "folds", folds=FOLDS, stratify="diagnosis", balance=ALIKE, seed=seed)
    experiment = Experiment.of(
        {
            "data": {
                "caps": str(caps),
                "splits": str(folder / "folds"),
                "extraction": {"name": "roi", "roi": ["hippocampus"]},
            },
            "task": {"label": "diagnosis", "positive": "AD"},
            "network": {"name": "conv4-fc3"},
            "optimization": {"optimizer": {"name": "adam", "learning_rate": 1e-3}, "epochs": 30, "batch_size": 4},
            "compute": {"workers": 0, "seed": seed},
        }
    )
    files.write(experiment, folder / "experiment.toml")
    show.say("3. Training one network a fold on the hippocampus.")
    train(experiment, folder / "maps", show=show)
    show.say("4. Predicting the people that were held out, which no network has seen.")
    prediction = predict(folder / "maps", labels / "test.tsv", group="test", show=show)
    show.say("5. Writing the report.")
    return Demonstration(folder, prediction, report(folder / "maps", folder / "report.html"))
