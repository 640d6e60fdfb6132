"""Experiments of ClinicaDL 1.x in our words: ``maps.json`` of a training, and ``train_config.toml``.

References
----------
Thibeau-Sutre, E. et al. (2022). ClinicaDL: an open-source deep learning software for reproducible neuroimaging processing.
Computer Methods and Programs in Biomedicine 220, 106818. doi:10.1016/j.cmpb.2022.106818
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from fimbria.errors import Problem, ProblemsError, did_you_mean, listing, refuse
from fimbria.experiment.clinicadl_words import (
    ARCHITECTURE,
    CUT,
    DEFAULT_NETWORKS,
    KNOWN,
    NAMES,
    NO_TWIN,
    OPPOSITE,
    OPTIONS,
    OURS,
    RENAMED,
    SAID,
    SECTIONS,
    TASKS,
    WITHIN_0_AND_1,
)

_NEUTRAL_WEIGHT: Final = 1
_TWO: Final = 2


ReadCut: TypeAlias = Callable[[Mapping[str, Any], str], Mapping[str, Any]]


def is_clinicadl(plain: Mapping[str, Any]) -> bool:
    """Tell whether a description is one of ClinicaDL 1.x.

    Examples
    --------
    >>> is_clinicadl({"Model": {"architecture": "Conv5_FC3"}}), is_clinicadl({"network": "conv5-fc3"})
    (True, False)
    """
    if OURS & plain.keys():
        return False
    sections = any(name in SECTIONS and isinstance(value, Mapping) for name, value in plain.items())
    return sections or bool({"architecture", "model", "network_task"} & plain.keys())


def read_clinicadl(
    plain: Mapping[str, Any], source: str, read_cut: ReadCut, given: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Put an experiment of ClinicaDL 1.x into our words.

    Parameters
    ----------
    plain
        Content of a ``maps.json`` of 1.0 to 1.6, or of a ``train_config.toml``.
    source
        What to call it in an error.
    read_cut
        Gives the options of our data section (``pipeline``, ``extraction``, ``spacing``) from what ClinicaDL writes of how
        images are cut, and the name of the file.
    given
        Options that will be laid over it, nested as our experiment is: the task says which section of a TOML file counts,
        and what is said anew is neither asked for nor noted.

    Returns
    -------
    description
        Nested as our experiment is; what the file does not say is left out.
    notes
        What has no twin here, what was guessed, and what to look at; one sentence each.

    Raises
    ------
    ProblemsError
        For every unknown key, name and unfit value, all at once.
    """
    problems: list[Problem] = []
    said = dict(given or {})
    reader = _Reader(_flat(plain, _named(said.get("task")), problems), problems, _mapped(said.get("data")))
    description = reader.description()
    reader.cut(description["data"], source, read_cut)
    refuse(source, problems)
    return {name: section for name, section in description.items() if section}, reader.notes


def _flat(plain: Mapping[str, Any], task: str | None, problems: list[Problem]) -> dict[str, Any]:
    """Give all keys on one level, by their newest names; note those that nobody knows."""
    flat: dict[str, Any] = {}
    sectioned = any(name in SECTIONS for name in plain)
    if not sectioned:
        flat = dict(plain)
    else:
        tasks = [name.lower() for name in plain if name.lower() in TASKS and name in SECTIONS]
        if task is None and len(tasks) > 1:
            what = f"it has sections of several tasks: {', '.join(tasks)}"
            problems.append(Problem(what, f"say which it is, with --task.name {tasks[0]}"))
        chosen = task if task in TASKS else tasks[0] if tasks else TASKS[0]
        flat["network_task"] = chosen
        for name, section in plain.items():
            if name not in SECTIONS or not isinstance(section, Mapping):
                problems.append(Problem(f"there is no section {name!r}", did_you_mean(name, SECTIONS)))
            elif name != "Random_Search" and (name.lower() not in TASKS or name.lower() == chosen):
                flat.update(section)
    flat = {RENAMED.get(name, name): value for name, value in flat.items()}
    for name, opposite in OPPOSITE.items():
        if name in flat:
            flat[opposite] = not flat.pop(name)
    known = {*KNOWN, *RENAMED, *OPPOSITE}
    problems += [Problem(f"there is no key {name!r}", did_you_mean(name, known)) for name in flat if name not in KNOWN]
    return flat


class _Reader:
    """Takes what it needs from a flat description, and notes what is wrong or has no twin on the way."""

    def __init__(self, flat: Mapping[str, Any], problems: list[Problem], given: Mapping[str, Any]) -> None:
        self.flat = flat
        self.problems = problems
        self.given = given  # options of data that will be laid over it
        self.notes: list[str] = []

    def description(self) -> dict[str, Any]:
        task = str(self.flat.get("network_task", TASKS[0]))
        if task not in TASKS:
            self.problems.append(Problem(f"network_task is {task!r}", did_you_mean(task, TASKS)))
        found: dict[str, Any] = {
            "data": self.data(),
            "task": self.task(task),
            "network": self.network(task),
            "transfer": self.transfer(),
            "optimization": self.optimization(),
            "compute": self.compute(),
        }
        for key, (section, option) in SAID.items():
            if self.flat.get(key) is not None:
                found[section][option] = self.flat[key]
        if task != TASKS[0]:
            found["task"].pop("voting_threshold", None)
        for key, (neutral, advice) in NO_TWIN.items():
            self.note(key, neutral, advice)
        return found

    def note(self, key: str, neutral: object, advice: str) -> None:
        """Note a key without a twin, unless its value changes nothing."""
        value = self.flat.get(key, neutral)
        if value != neutral and (value or neutral):
            self.notes.append(f"{key} = {value!r} has no twin here: {advice}.")

    def named(self, kind: str, key: str, value: object) -> str | None:
        """Give our name of a component of theirs."""
        names = NAMES[kind]
        if isinstance(value, str) and value in names:
            return names[value]
        self.problems.append(Problem(f"{key} is {value!r}, no {kind} that is known", did_you_mean(str(value), names)))
        return None

    def data(self) -> dict[str, Any]:
        flat, data = self.flat, dict[str, Any]()
        if caps := flat.get("caps_directory"):
            data["caps"] = str(caps)
        several = bool(flat.get("multi_cohort"))
        if (tables := flat.get("tsv_path")) and not several:
            data["splits"] = str(tables)
        elif tables and "splits" not in self.given:
            self.notes.append(
                f"tsv_path = {str(tables)!r} lists tables of several cohorts: put their people into one folder of splits, "
                "with a column dataset, and name it as data.splits."
            )
        paths = [path for path, name in ((caps, "caps"), (tables, "splits")) if path and name not in self.given]
        if relative := [str(path) for path in paths if not Path(str(path)).is_absolute()]:
            self.notes.append(
                f"{listing(relative)}: relative to the folder in which ClinicaDL was started; read from this one, or name "
                "the place with --data.caps and --data.splits."
            )
        if (kept := _several(flat.get("diagnoses"))) and not several:
            self.notes.append(
                f"ClinicaDL kept the sessions with diagnosis {', '.join(map(str, kept))} alone; here everybody in the "
                'tables is learnt from. Where others stand there too: `fimbria cohort restrict --where "diagnosis in '
                f'{", ".join(map(str, kept))}"`.'
            )
        if "baseline" in flat:
            data["training_sessions"] = "baseline" if flat["baseline"] else "all"
        if "valid_longitudinal" in flat:
            data["validation_sessions"] = "all" if flat["valid_longitudinal"] else "baseline"
        if "normalize" in flat:  # theirs is of each element by itself
            data["normalization"] = {"name": "min-max", "scope": "part"} if flat["normalize"] else {"name": "none"}
        if chosen := _several(flat.get("data_augmentation")):
            names = [self.named("augmentation", "data_augmentation", one) for one in chosen]
            data["augmentation"] = [{"name": name} for name in names]
        return data

    def task(self, name: str) -> dict[str, Any]:
        flat = self.flat
        task: dict[str, Any] = {"name": name}
        if (label := flat.get("label")) and name != "reconstruction":
            task["label"] = label
        if flat.get("loss"):
            task["loss"] = self.loss(flat["loss"])
        if chosen := _several(flat.get("selection_metrics")):
            task["selection_metrics"] = [self.named("metric", "selection_metrics", one) for one in chosen]
        if name == "classification":
            self.positive(task)
        if name == "regression":
            self.unit(task)
        return task

    def unit(self, task: dict[str, Any]) -> None:
        """Say in which unit a value is learnt: ClinicaDL's network gives it as it is."""
        if task.get("loss") in WITHIN_0_AND_1:
            task["standardize"] = False
        else:
            self.notes.append(
                "the value is learnt in units of its spread, and the loss is in those too: --task.standardize false learns "
                "it as ClinicaDL does."
            )

    def loss(self, theirs: object) -> str | dict[str, Any] | None:
        ours = self.named("loss", "loss", theirs)
        weights = {
            word: self.flat[key]
            for key, word in (("kl_weight", "kl_weight"), ("recons_weight", "reconstruction_weight"))
            if self.flat.get(key, _NEUTRAL_WEIGHT) != _NEUTRAL_WEIGHT
        }
        if ours and weights and ours.startswith("vae-"):
            return {"name": ours, **weights}
        if weights:
            self.notes.append(f"recons_weight and kl_weight ({weights}) weigh the terms of vae losses alone.")
        return ours

    def positive(self, task: dict[str, Any]) -> None:
        """Name the class of code 0, whose sensitivity ClinicaDL gives where there are two."""
        codes = self.flat.get("label_code")
        kept = sorted(map(str, _several(self.flat.get("diagnoses"))))
        if isinstance(codes, Mapping) and codes and all(isinstance(code, int) for code in codes.values()):
            if len(codes) != len(set(codes.values())):
                self.notes.append(
                    f"label_code = {dict(codes)!r} puts several labels into one class: make that label with "
                    "`fimbria cohort labels`."
                )
            elif len(codes) == _TWO:
                task["positive"] = min(codes, key=codes.__getitem__)
        elif len(kept) == _TWO and task.get("label", "diagnosis") == "diagnosis":
            task["positive"] = kept[0]
            self.notes.append(f"task.positive is {kept[0]}, the first of the diagnoses, as in ClinicaDL.")

    def network(self, task: str) -> dict[str, Any]:
        theirs = self.flat.get("architecture", "default")
        if theirs == "default":
            theirs = DEFAULT_NETWORKS.get(task, "Conv5_FC3")
        ours = self.named("network", "architecture", theirs)
        options = OPTIONS.get(ours or "", {})
        given = {key: self.flat[key] for key in ARCHITECTURE if self.flat.get(key) is not None}
        self.notes += [
            f"{key} = {value!r} is left out: ClinicaDL's {theirs} does not take it."
            for key, value in given.items()
            if ours and key not in options and value not in ARCHITECTURE[key]
        ]
        return {"name": ours, **{options[key]: value for key, value in given.items() if key in options}}

    def transfer(self) -> dict[str, Any]:
        flat = self.flat
        unfrozen = flat.get("nb_unfrozen_layer", 0)
        if not (maps := flat.get("transfer_path")):
            if unfrozen:
                self.notes.append(f"nb_unfrozen_layer = {unfrozen!r} has no effect without transfer_path.")
            return {}
        found: dict[str, Any] = {"maps": str(maps)}
        if metric := flat.get("transfer_selection_metric"):
            found["metric"] = self.named("metric", "transfer_selection_metric", metric)
        return {**found, "unfrozen": unfrozen} if unfrozen else found

    def optimization(self) -> dict[str, Any]:
        flat, found = self.flat, dict[str, Any]()
        name = self.named("optimizer", "optimizer", flat.get("optimizer", "Adam"))
        keys = ("learning_rate", "weight_decay")
        found["optimizer"] = {"name": name, **{key: flat[key] for key in keys if flat.get(key) is not None}}
        if flat.get("sampler"):
            found["sampler"] = {"name": self.named("sampler", "sampler", flat["sampler"])}
        if flat.get("multi_network"):
            found["networks"] = "per-part"
        return found

    def compute(self) -> dict[str, Any]:
        flat, found = self.flat, dict[str, Any]()
        if "gpu" in flat:
            found["accelerator"] = "auto" if flat["gpu"] else "cpu"
        if "amp" in flat:
            found["precision"] = "16" if flat["amp"] else "32"
        seed = flat.get("seed")
        if isinstance(seed, int) and 0 <= seed < 1 << 32:
            found["seed"] = seed
        elif seed is not None:
            self.notes.append(f"seed = {seed!r} made ClinicaDL draw a seed that it did not keep; here it is 0.")
        return found

    def cut(self, data: dict[str, Any], source: str, read_cut: ReadCut) -> None:
        """Lay how images are cut over the data, unless that is said anew."""
        if "described" in self.given or {"pipeline", "extraction"} <= self.given.keys():
            return
        said = self.flat.get("preprocessing_dict")
        told = dict(said) if isinstance(said, Mapping) else {key: self.flat[key] for key in CUT if key in self.flat}
        if not told:
            self.notes.append(
                "how images are cut stands in the file of tensor_extraction that ClinicaDL was given: name it with "
                "--data.described."
            )
            return
        if "mode" in self.flat:
            told.setdefault("mode", self.flat["mode"])
        if told.get("mode") == "slice":
            told.setdefault("slice_mode", "rgb")
        try:
            data.update({option: value for option, value in read_cut(told, source).items() if value is not None})
        except ProblemsError as error:
            self.problems += error.problems
            return
        self.reduced(data)

    def reduced(self, data: dict[str, Any]) -> None:
        """Take every n-th voxel where ClinicaDL did."""
        if not self.flat.get("size_reduction"):
            return
        if data["extraction"]["name"] == "image":
            data["extraction"] = {**data["extraction"], "reduce": self.flat.get("size_reduction_factor", _TWO)}
        else:
            self.notes.append("size_reduction is of whole images here: resample with data.spacing, in mm.")


def _named(component: object) -> str | None:
    """Give the name of what is given by its name, or with its options."""
    name = component.get("name") if isinstance(component, Mapping) else component
    return name if isinstance(name, str) else None


def _mapped(section: object) -> Mapping[str, Any]:
    return section if isinstance(section, Mapping) else {}


def _several(value: object) -> list[Any]:
    """Give a list of what may be one, several or none; false and empty are none."""
    if not value:
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
