"""Weights that a training begins with: where they come from, whom they have seen, what of them is taken over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from fimbria import tables
from fimbria.data.audit.readers.clinicadl import read_maps
from fimbria.data.audit.readers.identity import Naming
from fimbria.errors import InputError, MapsError, Problem, counted, listing, refuse
from fimbria.learning.networks.network import to_be_filled
from fimbria.learning.networks.transfer import Transfer, apply, freeze, freeze_all_but, match_layers, read_weights
from fimbria.learning.training.devices import seeded
from fimbria.provenance import sha256
from fimbria.results.maps.maps import Maps
from fimbria.results.maps.paths import checked
from fimbria.results.maps.training import networks_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from fimbria.experiment.experiment import Experiment
    from fimbria.experiment.experiment import Transfer as Options
    from fimbria.results.maps.transferred import People
    from fimbria.workflows.parts import Parts


@dataclass(frozen=True)
class Source:
    """The weights that the training of a split begins with.

    Attributes
    ----------
    files
        By the number of the part whose network they are of; None of a network for all parts.
    trained, seen
        Who taught them, and everybody that they have seen, those included whom they were chosen by; None if not known.
    """

    files: Mapping[int | None, Path]
    trained: People | None
    seen: People | None

    def with_people(self, people: People | None) -> Source:
        """Give the same weights, which have learnt from some more people."""
        if people is None:
            return self
        trained, seen = (None if known is None else known | people for known in (self.trained, self.seen))
        return Source(self.files, trained, seen)

    def file(self, network: int | None) -> Path:
        """Give the weights for one network; those of a network for all parts serve each.

        Raises
        ------
        InputError
            When there is one for each part, and one for all is wanted.
        """
        if network not in self.files and None not in self.files:
            msg = (
                "weights of several networks, one for each part, do not fit one network for all. Train with --optimization.networks per-part."
                if network is None
                else f"there are weights for parts {listing(sorted(map(str, self.files)), 12)}, and none for part {network}. Cut images into the same parts."
            )
            raise InputError(msg)
        return self.files[network if network in self.files else None]

    def taken_by(self, made: nn.Module, network: int | None) -> Transfer:
        """Find what a network can take over.

        Raises
        ------
        InputError, ProblemsError
            When the weights cannot be read, or nothing fits.
        """
        return match_layers(made, read_weights(self.file(network)))

    def fill(self, made: nn.Module, network: int | None) -> Transfer:
        """Fill a network with what it can take over."""
        tensors = read_weights(self.file(network))
        taken = match_layers(made, tensors)
        apply(taken, made, tensors)
        return taken


def sources(experiment: Experiment, splits: Sequence[int]) -> dict[int, Source]:
    """Find the weights that each split begins with; empty where it begins at random.

    Raises
    ------
    ProblemsError, MapsError, InputError
        When there are none, two are named, or their splits are not those of this training.
    """
    options = experiment.transfer
    if options.maps is None and options.weights is None:
        alone = [name for name in ("freeze", "unfrozen", "people") if getattr(options, name)]
        what = f"transfer.{', '.join(alone)} without weights to begin with"
        refuse("the transfer", [Problem(what, "say them with --transfer.maps or --transfer.weights")] if alone else [])
        return {}
    if options.maps is not None and options.weights is not None:
        refuse("the transfer", [Problem("both transfer.maps and transfer.weights are given", "leave one of them out")])
    if options.freeze and options.unfrozen is not None:
        refuse(
            "the transfer", [Problem("both transfer.freeze and transfer.unfrozen are given", "leave one of them out")]
        )
    people = _listed(options.people)
    if options.weights is not None:
        read_weights(options.weights)  # refused now if it is refused at all, not when all images are decoded
        return dict.fromkeys(splits, Source({None: options.weights}, people, people))
    root = Path(str(options.maps))
    found = _of_clinicadl(root, options) if _is_clinicadl(root) else _of_maps(Maps(root), options, people)
    found = {split: source.with_people(people) for split, source in found.items()}
    if set(splits) <= found.keys():
        return {split: found[split] for split in splits}
    if len(found) == 1:
        return dict.fromkeys(splits, next(iter(found.values())))
    msg = f"{root} has weights of split {listing(sorted(found), 20)}, and this training is of {listing(sorted(splits), 20)}: the same splits, or one for all, were wanted."
    raise MapsError(msg)


def frozen(made: nn.Module, options: Options) -> list[str]:
    """Freeze what the options say; give the names of the parameters."""
    if options.unfrozen is not None:
        return freeze_all_but(made, options.unfrozen)
    return freeze(made, options.freeze) if options.freeze else []


def keep(maps: Maps, split: int, source: Source, parts: Parts) -> list[str]:
    """Keep the weights that a split begins with, so that it can be replayed without the source; say what was taken over."""
    kept = maps.transferred(split)
    networks: list[dict[str, Any]] = []
    for network in parts.networks:
        with seeded(parts.experiment.compute.seed):
            made = parts.of_network(network).new_network()
        taken, file = source.fill(made, network), source.file(network)
        tensors = {name: value.detach().contiguous() for name, value in made.state_dict().items()}
        kept.keep_weights(network, partial(save_file, tensors))
        still = len(frozen(made, parts.experiment.transfer))
        of = counted(len(list(made.parameters())), "tensor")
        said = [*taken.told(), *([f"{still} of {of} that could learn stay as they are."] if still else [])]
        networks.append({"network": network, "source": str(file), "sha256": sha256(file), "taken": said})
    kept.keep({"networks": networks}, source.trained, source.seen)
    return list(dict.fromkeys(sentence for one in networks for sentence in one["taken"]))


def begun(maps: Maps, split: int, parts: Parts, network: int | None) -> nn.Module:
    """Give the network as the training of a split begins: with the weights it was given, if any, and frozen where it is."""
    path = maps.transferred(split).weights(network)
    if path is None:
        return parts.new_network()
    with seeded(parts.experiment.compute.seed):
        made = to_be_filled(parts.new_network)
    made.load_state_dict(load_file(path))
    frozen(made, parts.experiment.transfer)
    return made


def _of_maps(maps: Maps, options: Options, people: People | None) -> dict[int, Source]:
    """Find the weights of a MAPS; where it does not know whom its own earlier weights had seen, `people` answers for that."""
    finished = [split for split in maps.splits if maps.training(split).is_finished()]
    if not finished:
        msg = f"{maps.root} has no finished split whose weights could be taken. Go on with it: `fimbria resume {maps.root}`."
        raise MapsError(msg)
    found = {}
    for split in finished:
        train, validation = (frozenset(maps.group(side, split).participants) for side in ("train", "validation"))
        trained, seen = (people if known is None else known for known in maps.transferred(split).people())
        files = {
            one: maps.training(split, one).weights(options.metric)
            for one in networks_in(maps.paths, split, options.metric)
        }
        found[split] = Source(
            files,
            None if trained is None else train | trained,
            None if seen is None else train | validation | seen,
        )
    return found


def _is_clinicadl(root: Path) -> bool:
    try:
        record = json.loads((root / "maps.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        isinstance(record, dict) and "schema_version" not in record and bool({"architecture", "model"} & record.keys())
    )


def _of_clinicadl(root: Path, options: Options) -> dict[int, Source]:
    """Find the weights of a MAPS of ClinicaDL 1.x, and the people that its groups list."""
    material = read_maps(root, Naming())
    before = material.pretrained or frozenset()
    found = {}
    for folder in sorted((*root.glob("split-*"), *root.glob("fold-*"))):
        split, best = int(folder.name.rpartition("-")[2]), folder / f"best-{checked(options.metric)}"
        alone = best / "model.pth.tar"
        files: dict[int | None, Path] = {None: alone} if alone.is_file() else {}
        for path in best.glob("network-*_model.pth.tar"):
            files[int(path.name.removeprefix("network-").partition("_")[0])] = path
        for file in files.values():
            read_weights(file)  # likewise
        rows = material.items[(material.items["split"] == split) & material.items["side"].isin(["train", "validation"])]
        sides = {
            side: frozenset(zip(of["dataset"], of["participant_id"], strict=True)) for side, of in rows.groupby("side")
        }
        if files:
            train = sides.get("train", frozenset())
            found[split] = Source(files, train | before, train | sides.get("validation", frozenset()) | before)
    if not found:
        msg = f"{root} is a MAPS of ClinicaDL without weights in split-<i>/best-{options.metric}/. Name another selection metric: --transfer.metric."
        raise MapsError(msg)
    return found


def _listed(path: Path | None) -> People | None:
    if path is None:
        return None
    frame = tables.read(path, ["participant_id"], text=["participant_id", "dataset"])
    scoped = frame.assign(dataset=frame["dataset"].fillna("") if "dataset" in frame.columns else "")
    return frozenset(zip(scoped["dataset"].astype(str), scoped["participant_id"].astype(str), strict=True))
