"""The description of a run. Every option of Fimbria is written here once: type, bounds, default and one line of help.

Flags, ``--help``, TOML and JSON files, the JSON schema and the reference are made from these classes.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from fimbria.errors import Problem, ProblemsError, did_you_mean
from fimbria.registry import is_own_file

Sessions = Literal["all", "baseline"]


class Component(BaseModel):
    """A component by name, with its options.

    The options are checked against the component's own signature, before any image is read.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(description="Its name, an installed plug-in's, or path/to/file.py:name.")

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


def _laid_over(default: Component, value: object) -> object:
    """Complete what was given with the default component, as long as it is the same component."""
    if isinstance(value, str):
        value = {"name": value}
    if isinstance(value, Component):
        value = {"name": value.name, **value.options}
    if not isinstance(value, Mapping):
        return value
    chosen = dict(value)
    same = chosen.get("name", default.name) == default.name
    return {**(default.model_dump() if same else {}), **chosen}


class Section(BaseModel):
    """A frozen group of options; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: object) -> object:
        """Accept a component by its name alone or without its name, and one value where several may stand."""
        if not isinstance(given, Mapping):
            return given
        values = dict(given)
        for name, info in cls.model_fields.items():
            if name not in values:
                continue
            value = values[name]
            if isinstance(info.default, Component):
                values[name] = _laid_over(info.default, value)
            elif info.default is None and value == "none":
                values[name] = None
            elif typing.get_origin(info.annotation) is Literal and not isinstance(value, str):
                values[name] = str(value)
            elif typing.get_origin(info.annotation) is tuple and isinstance(values[name], (str, int, float, Mapping)):
                values[name] = value = (values[name],)
            if typing.get_args(info.annotation)[:1] == (Component,) and isinstance(value, (list, tuple)):
                values[name] = tuple({"name": one} if isinstance(one, str) else one for one in value)
        return values


class Data(Section):
    """Which images, of whom, cut how."""

    caps: Path | dict[str, Path] = Field(
        description="CAPS folder that holds the preprocessed images; of several data sets a table by name, or a TSV (cohort, path)."
    )
    splits: Path = Field(description="Folder of splits, as `fimbria cohort kfold` or `split` writes it.")
    pipeline: Component = Field(Component(name="t1-linear"), description="What preprocessed the images.")
    channels: tuple[Component, ...] = Field(
        (), description="Further pipelines whose images of the session are channels beside the first; same grid."
    )
    missing_channel: Literal["leave-out", "zeros"] = Field(
        "leave-out",
        description="A session without a further channel has no usable image, or gets zeros and a channel that says so.",
    )
    described: str | None = Field(
        None,
        description="File in tensor_extraction that says pipeline and extraction, as ClinicaDL's; none: they stand here.",
    )
    tensors: bool = Field(False, description="Read the tensors that ClinicaDL 1.x extracted, in place of NIfTI.")
    store: Path | None = Field(None, description="Folder for the decoded images; none keeps them in the data set.")
    compact: bool = Field(False, description="Keep decoded images as 16-bit numbers with a scale: half the room.")
    nonfinite: float | None = Field(None, description="What stands for NaN and infinities; none refuses such images.")
    spacing: PositiveFloat | None = Field(None, description="Voxel side in mm to resample to; none keeps the images'.")
    extraction: Component = Field(
        Component(name="image"), description="How an image is cut: image, patch, slice or roi, with its options."
    )
    normalization: Component = Field(
        Component(name="min-max", scope="image"), description="How intensities are scaled, over an image or a part."
    )
    augmentation: tuple[Component, ...] = Field(
        (), description="Random changes of the training samples, in their order: noise, motion, flip, ..."
    )
    covariates: tuple[str, ...] = Field(
        (), description="Columns of the tables that the network is given beside the image, such as age and sex."
    )
    training_sessions: Sessions = Field("all", description="Sessions of a training participant that are used.")
    validation_sessions: Sessions = Field("baseline", description="Sessions of a validation participant that are used.")
    allow_missing: bool = Field(False, description="Go on without the sessions that have no usable image.")


class Task(Section):
    """What is learnt; whatever else is given here are the task's own options, such as loss."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(
        "classification", description="Kind of task; `fimbria list tasks NAME` shows its options, such as loss."
    )
    label: str | None = Field(None, description="Column of the tables that is learnt; none is the task's own default.")
    positive: str | None = Field(
        None, description="Class that sensitivity, precision and ROC speak of; needed when there are two."
    )
    selection_metrics: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("loss",), description="Validation metrics that each keep their best epoch."
    )
    voting_threshold: float = Field(
        0.0, ge=0, le=1, description="Parts less accurate than this on validation have no say in the image's vote."
    )

    @property
    def component(self) -> Component:
        """The task by its name, with its own options."""
        chosen = {"label": self.label, "positive": self.positive}
        given = {name: value for name, value in chosen.items() if value is not None}
        return Component(name=self.name, **given, **(self.model_extra or {}))


class Transfer(Section):
    """Weights that the training begins with."""

    maps: Path | None = Field(None, description="MAPS whose weights it begins with: Fimbria's, or ClinicaDL 1.x's.")
    weights: Path | None = Field(
        None, description="File of weights it begins with: safetensors, or PyTorch's without pickled objects."
    )
    metric: str = Field("loss", description="Selection metric of the MAPS whose weights are taken.")
    people: Path | None = Field(
        None, description="Table of the participants that a file of weights has seen; they join the leak check."
    )
    freeze: int | float | str | tuple[str, ...] = Field(
        0, description="Layers that stay as they are: a share from the input on (0.8), a count, or names (conv*)."
    )
    unfrozen: PositiveInt | None = Field(
        None, description="Layers at the end that learn, all before them stay (ClinicaDL's nb_unfrozen_layer)."
    )


class Optimization(Section):
    """How it is learnt."""

    optimizer: Component = Field(
        Component(name="adam", learning_rate=1e-4, weight_decay=1e-4), description="Optimizer, with its options."
    )
    epochs: PositiveInt = Field(20, description="Passes over the training images, at most.")
    sampler: Component = Field(
        Component(name="shuffle"), description="Which samples make an epoch: shuffle, weighted or balanced."
    )
    networks: Literal["one", "per-part"] = Field(
        "one", description="One network for all parts of an image, or one for each, combined at image level."
    )
    batch_size: PositiveInt = Field(8, description="Samples seen by one step of the optimizer.")
    patience: NonNegativeInt = Field(0, description="Epochs without a better validation loss before stopping; 0 never.")
    tolerance: NonNegativeFloat = Field(0.0, description="Share by which the loss must fall to count as better.")


class Compute(Section):
    """On what it runs."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Kind of device.")
    devices: PositiveInt = Field(1, description="Number of devices.")
    precision: Literal["32", "bf16", "16"] = Field(
        "32", description="Arithmetic of the network; 16-bit ones are mixed."
    )
    workers: NonNegativeInt = Field(2, description="Processes that read and decode images; 0 uses this one.")
    side_by_side: PositiveInt = Field(
        1, description="Trainings (of splits, of networks per part) that run at once, each in a process of its own."
    )
    threads: NonNegativeInt = Field(0, description="Threads of this process; 0 lets PyTorch choose.")
    augment_on: Literal["worker", "device"] = Field(
        "worker", description="Where samples are augmented: as they are read, or whole batches on the device."
    )
    seed: NonNegativeInt = Field(0, description="Everything random follows from it.")
    deterministic: bool = Field(
        True, description="Operations that give the same bytes each time, where there are such."
    )
    checkpoint_minutes: PositiveFloat = Field(10.0, description="Longest work that a power cut can lose.")


def own_files(plain: Any) -> Iterator[str]:  # noqa: ANN401  (nested plain values)
    """Give whatever in a plain description names a study's own file."""
    if isinstance(plain, Mapping):
        plain = list(plain.values())
    if isinstance(plain, (list, tuple)):
        for one in plain:
            yield from own_files(one)
    elif isinstance(plain, str) and is_own_file(plain):
        yield plain


def with_files(plain: Any, moved: Callable[[str], str]) -> Any:  # noqa: ANN401  (nested plain values)
    """Give a plain description whose study's own files are elsewhere; `moved` says where each is."""
    if isinstance(plain, Mapping):
        return {name: with_files(value, moved) for name, value in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [with_files(one, moved) for one in plain]
    return moved(plain) if isinstance(plain, str) and is_own_file(plain) else plain


def _absolute_file(name: str) -> str:
    file, ending, inside = name.rpartition(".py:")
    return f"{_absolute(Path(file + '.py'))}:{inside}" if ending else str(_absolute(Path(name)))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _absolute_folders(caps: Path | Mapping[str, Path]) -> str | dict[str, str]:
    if isinstance(caps, Path):
        return str(_absolute(caps))
    return {name: str(_absolute(Path(folder))) for name, folder in caps.items()}


class Experiment(Section):
    """Everything that defines a training.

    Examples
    --------
    >>> experiment = Experiment.of({"data": {"caps": "CAPS", "splits": "folds"}, "network": "conv4-fc3"})
    >>> experiment.network.name, experiment.optimization.epochs
    ('conv4-fc3', 20)
    """

    data: Data = Field(description="Which images, of whom, cut how.")
    task: Task = Field(Task(), description="What is learnt.")
    network: Component = Field(Component(name="conv5-fc3"), description="Network, with its options.")
    transfer: Transfer = Field(Transfer(), description="Weights that the training begins with.")
    optimization: Optimization = Field(Optimization(), description="How it is learnt.")
    compute: Compute = Field(Compute(), description="On what it runs.")

    @classmethod
    def of(cls, description: Mapping[str, Any], source: str = "the experiment") -> Self:
        """Check a plain description.

        Parameters
        ----------
        description
            Nested mappings, as TOML or JSON hold them.
        source
            What to call it in an error.

        Raises
        ------
        ProblemsError
            For every unknown key (with the nearest name), missing key and unfit value, all at once.
        """
        try:
            return cls.model_validate({"data": {}, **description})
        except ValidationError as error:
            raise ProblemsError(source, [_sentence(cls, dict(item)) for item in error.errors()]) from error

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Give a new experiment with some options changed; `changes` is nested like the experiment."""
        return self.of(merged(self.plain(), changes))

    def elsewhere(self, caps: Path | Mapping[str, Path]) -> Self:
        """Give the same experiment on images in another place: a folder, a TSV of several, or folders by name."""
        return self.changed({"data": {"caps": _absolute_folders(caps)}})

    def plain(self) -> dict[str, Any]:
        """Give nested dictionaries of plain values, as JSON and TOML hold them; what is None is left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def anchored(self) -> Self:
        """Give the same experiment with absolute paths, so that it means the same from any folder."""
        data = self.data
        paths = {"caps": _absolute_folders(data.caps), "splits": str(_absolute(data.splits))}
        if data.store:
            paths["store"] = str(_absolute(data.store))
        sources = {
            name: str(_absolute(path))
            for name in ("maps", "weights", "people")
            if (path := getattr(self.transfer, name)) is not None
        }
        return self.of(merged(with_files(self.plain(), _absolute_file), {"data": paths, "transfer": sources}))


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested description over another; naming another component drops the options of the first.

    Examples
    --------
    >>> merged({"network": {"name": "conv5-fc3", "dropout": 0.2}}, {"network": {"name": "resnet"}})
    {'network': {'name': 'resnet'}}
    >>> merged({"network": {"name": "conv5-fc3"}}, {"network": {"dropout": 0.2}})
    {'network': {'name': 'conv5-fc3', 'dropout': 0.2}}
    """
    result = dict(base)
    for key, new in changes.items():
        old = result.get(key) if key != "caps" else None  # other data sets are not added to those that stand there
        if isinstance(old, str) and isinstance(new, Mapping):
            old = {"name": old}
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            another = "name" in new and "name" in old and new["name"] != old["name"]
            result[key] = dict(new) if another else merged(old, new)
        elif isinstance(old, Mapping) and isinstance(new, str):
            result[key] = merged({key: old}, {key: {"name": new}})[key]
        else:
            result[key] = new
    return result


def with_names(description: Mapping[str, Any], section: type[Section] = Experiment) -> dict[str, Any]:
    """Write down the names of components given by their options alone, so that another can be laid over them.

    Examples
    --------
    >>> merged(with_names({"network": {"dropout": 0.2}}), {"network": {"name": "resnet"}})
    {'network': {'name': 'resnet'}}
    >>> with_names({"task": {"positive": "AD"}})
    {'task': {'name': 'classification', 'positive': 'AD'}}
    """
    result = dict(description)
    for name, info in section.model_fields.items():
        value = result.get(name)
        if not isinstance(value, Mapping):
            continue
        if isinstance(info.default, Component):
            result[name] = {"name": info.default.name, **value}
        elif isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            result[name] = with_names(value, info.annotation)
            if "name" in info.annotation.model_fields:
                result[name] = {"name": info.annotation.model_fields["name"].default, **result[name]}
    return result


def _sentence(model: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    place = [str(step) for step in error["loc"]]
    where = ".".join(place)
    if error["type"] == "extra_forbidden":
        return Problem(f"there is no option {where}", did_you_mean(place[-1], _fields_at(model, place[:-1])))
    if error["type"] == "missing":
        return Problem(f"{where} is needed and was not given", f"set it in the file, or with --{where}")
    message = str(error["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return Problem(
        f"{where} = {error['input']!r}: {message[:1].lower()}{message[1:]}", "`fimbria train --help` says what fits"
    )


def _fields_at(model: type[BaseModel], place: list[str]) -> list[str]:
    fields = model.model_fields
    for step in place:
        annotation = fields[step].annotation if step in fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        fields = annotation.model_fields
    return list(fields)
