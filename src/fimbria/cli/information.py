"""``fimbria demo``, ``doctor`` and ``list``: what it does, how it is, what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from fimbria.cli.screen import Screen, print_json, print_rows, say
from fimbria.cli.values import pairs
from fimbria.errors import InputError

if TYPE_CHECKING:
    from cyclopts import App


def register(parent: App) -> None:
    """Hang the commands into the program."""
    for command in (demo, doctor):
        parent.command(command)
    parent.command(catalogue, name="list")


def demo(folder: Path = Path("fimbria-demo"), *, seed: int = 3, jobs: int = 2, quiet: bool = False) -> None:
    """Run the whole story in a minute or two: make people, split, train, predict, report.

    Example: fimbria demo

    Parameters
    ----------
    folder
        Where to put it; a folder that does not exist yet, or is empty.
    seed
        Other seed, other people.
    jobs
        Processes that make people.
    quiet
        Show nothing but the result.
    """
    from fimbria.cli.training import _show_metrics
    from fimbria.workflows.demo import demo as run_demo

    shown = run_demo(folder, seed=seed, jobs=jobs, show=Screen(quiet=quiet))
    if shown.prediction.metrics is not None:
        _show_metrics(shown.prediction.metrics, "People that were held out")
    say(
        f"Open {shown.report} in a browser. The experiment is {folder / 'experiment.toml'}; everything else lies beside it."
    )


def doctor(maps: Path | None = None, *, json: bool = False) -> int:
    """Tell how this installation is; with a MAPS, whether every file in it is whole (exit code 1 if not).

    Example: fimbria doctor run/maps

    Parameters
    ----------
    maps
        A MAPS to verify against its checksums.
    json
        Print it as JSON.
    """
    if maps is not None:
        from fimbria.workflows.doctor import examine

        damage = examine(maps)
        if json:
            print_json({"maps": str(maps), "damage": [problem._asdict() for problem in damage]})
        else:
            say(
                "\n".join(map(str, damage))
                if damage
                else f"{maps} is whole: every file is what it was when it was written."
            )
        return 1 if damage else 0
    from fimbria.workflows.doctor import doctor as examine_machine

    found = examine_machine()
    if json:
        print_json(found)
        return 0
    rows = [
        {"what": name, "found": _worded(value)}
        for part in ("environment", "packages", "devices")
        for name, value in found[part].items()
    ]
    rows.append({"what": "free disk here", "found": f"{found['disk_free_gb']} GB"})
    for name, extra in found["extras"].items():
        state = "installed" if extra["installed"] else f"not installed: {extra['install']}"
        rows.append({"what": f"extra {name} ({extra['for']})", "found": state})
    print_rows(rows)
    return 0


def catalogue(
    kind: str = "",
    name: str = "",
    *,
    size: Annotated[str, Parameter(name="--input")] = "",
    outputs: int = 2,
    option: list[str] | None = None,
    covariates: int = 0,
    layers: bool = False,
    json: bool = False,
) -> None:
    """List what there is to choose from, and from which package; or describe one component.

    Example: fimbria list networks conv5-fc3 --input 1x169x208x179 --outputs 2 --layers

    Parameters
    ----------
    kind
        networks, tasks, losses, metrics, extractions, normalizations, augmentations, samplers, optimizers, pipelines.
    name
        One of them, or a study's own: path/to/file.py:name.
    size
        Size of a network's input, channel first: 1x169x208x179, or 1x208x179 for slices.
    outputs
        How many numbers a network gives.
    option
        An option of the network, NAME=VALUE; once for each.
    covariates
        How many numbers of a table a network takes besides an image.
    layers
        Show the layers of the network too, in the order in which an image passes them.
    json
        Print it as JSON.
    """
    from fimbria.workflows.catalogue import KINDS, component, components

    if not kind:
        say("Kinds: " + ", ".join(KINDS) + ". For example: fimbria list networks")
        return
    if not name:
        rows = components(kind)
        print_json(rows) if json else print_rows(rows)
        return
    described = component(
        kind,
        name,
        input_size=_sides(size),
        outputs=outputs,
        options=pairs(option or [], "--option"),
        covariates=covariates,
        layers=layers,
    )
    print_json(described) if json else _show_component(described)


def _show_component(described: dict[str, Any]) -> None:
    """Print what a component is; of a network with its input also what it weighs and gives."""
    described = dict(described)
    details, layers = described.pop("details"), described.pop("layers", None)
    if "parameters" in described:
        given = described["output_size"]
        described |= {
            "input_size": _shape(described["input_size"]),
            "output_size": ", ".join(
                _shape(shape) if name == "output" else f"{name} {_shape(shape)}" for name, shape in given.items()
            ),
            "parameters": f"{described['parameters']:,}",
            "weights": f"{described.pop('weights_bytes') / 2**20:,.1f} MiB",
        }
    print_rows([{"what": key, "value": _worded(value)} for key, value in described.items()])
    if layers is None:
        if details:
            say(f"\n{details}")
        return
    say("")
    print_rows(
        [{**layer, "output": _shape(layer["output"]), "parameters": f"{layer['parameters']:,}"} for layer in layers]
    )
    passed = f"{sum(layer['parameters'] for layer in layers):,}"
    if passed != described["parameters"]:
        say(f"An image passes {passed} of the {described['parameters']} parameters in evaluation.")


def _shape(sides: list[int]) -> str:
    return "x".join(map(str, sides)) or "1"


def _sides(text: str) -> tuple[int, ...] | None:
    if not text:
        return None
    try:
        return tuple(int(side) for side in text.split("x"))
    except ValueError as error:
        msg = f"--input {text}: numbers with x between were wanted, channel first, such as 1x169x208x179."
        raise InputError(msg) from error


def _worded(value: Any) -> str:  # noqa: ANN401  (whatever is described)
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value)) or "none"
    return str(value)
