"""Look for leaks in splits, whoever made them, and give a certificate."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fimbria import tables
from fimbria.data.audit import page
from fimbria.data.audit.audit import audit as look_for_leaks
from fimbria.data.audit.certificate import Acceptance, Certificate, digest
from fimbria.data.audit.evidence import Evidence, refuse_empty
from fimbria.data.audit.knowledge import acquisition
from fimbria.data.audit.material import Fitted, Material, joined, of_sides, session_keys
from fimbria.data.audit.readers.detect import is_fimbria_maps, read
from fimbria.data.audit.readers.fitted import FITTED, TEMPLATES, fitted_in
from fimbria.data.audit.readers.sides import everywhere
from fimbria.data.cohort import flow
from fimbria.data.cohort.cohort import IDS, Cohort
from fimbria.data.images.datasets import DataSets
from fimbria.data.images.pipelines import pipeline
from fimbria.errors import InputError, Problem, did_you_mean, listing, refuse
from fimbria.provenance import now
from fimbria.results.maps.maps import Maps
from fimbria.workflows.certify import accepted_in, looks_at, pretrained_in
from fimbria.workflows.evidence import evidence_of
from fimbria.workflows.show import Show, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.data.cohort.cohort import Step
    from fimbria.data.images.pipelines import Pipeline


TEMPLATED = "t1-volume"  # whose images are made with a template of a group of people
UNTOLD = "no images of t1-volume where its options' defaults have them: --option space=group --option group=NAME"


@dataclass(frozen=True)
class Columns:
    """Where a foreign list says what.

    Attributes
    ----------
    participant, session, partition
        Names of its columns; None where they have a usual name.
    pattern
        Regular expression that finds the participant in the names of its items.
    """

    participant: str | None = None
    session: str | None = None
    partition: str | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Around:
    """What is known around the lists that are audited.

    Attributes
    ----------
    images
        Folders of images: by name of the data set, or under ``""`` for all.
    store
        Where decoded images and their fingerprints are kept; by default in each data set.
    pipeline, pipeline_options
        What preprocessed them.
    table
        The cohort that the splits were made of.
    test
        Tables that are held out of every split.
    pretrained
        Table of whom the weights had seen before.
    label
        Column that is learnt.
    inputs
        Columns that the model reads beside the image.
    groups
        Columns whose values belong on one side: families, sites.
    """

    images: Mapping[str, Path] = field(default_factory=dict)
    store: Path | None = None
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    table: Path | None = None
    test: tuple[Path, ...] = ()
    pretrained: Path | None = None
    label: str | None = None
    inputs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def audit(  # noqa: PLR0913  (what, and all that may be known of it)
    what: str | Path,
    *,
    columns: Columns | None = None,
    around: Around | None = None,
    accept: Sequence[tuple[str, str]] = (),
    out: str | Path | None = None,
    jobs: int = 1,
    show: Show = quiet,
) -> Certificate:
    """Look for leaks in a split, in a MAPS, or in somebody else's, and give a certificate.

    Parameters
    ----------
    what
        A folder of splits, a MAPS, a folder or MAPS of ClinicaDL, nnU-Net's ``splits_final.json``, a MONAI datalist, a
        GaNDLF CSV, or any CSV or TSV with a column of partitions.
    columns
        Where a foreign list says whose an item is.
    around
        What else is known: images, the whole cohort, people seen before.
    accept
        Findings that the user answers for: name and reason.
    out
        Folder for ``certificate.json`` and ``certificate.html``; by default nothing is written.
    jobs
        Processes that look at images.
    show
        Who watches.

    Returns
    -------
    Certificate
        With every look, also where nothing was found.

    Raises
    ------
    InputError
        When something cannot be read.
    """
    what, around, told = Path(what), around or Around(), columns or Columns()
    if what.is_dir() and is_fimbria_maps(what):
        maps = Maps(what)
        if idle := [name for name, given in vars(told).items() if given]:
            msg = f"--{idle[0].replace('pattern', 'participant-pattern')} names columns of somebody else's list; {what} is a MAPS and knows its own. Leave it out."
            raise InputError(msg)
        material, accepted = with_test(material_of(maps), around.test), accepted_in(maps)
        around = _from(maps, around)
    else:
        material = read(
            what,
            participant=told.participant,
            partition=told.partition,
            pattern=told.pattern,
            session=told.session,
            label=around.label,
            test=around.test,
        )
        accepted = ()
    pipelines = {name: _pipeline_name(folder, around.pipeline) for name, folder in around.images.items()}
    if out:
        _refuse_other(Path(out), digest(material.items))
    material = _surrounded(material, around, what, pipelines)
    material = material.with_facts(evidence=_evidence(material, around, pipelines, jobs, show))
    certificate = look_for_leaks(material, acquisition.look, now())
    certificate = certificate.still_accepting(accepted).accepting([Acceptance(*one) for one in accept])
    if out:
        page.write(certificate, Path(out))
    return certificate


def with_test(material: Material, test: Sequence[Path]) -> Material:
    """Hold more tables out of every split."""
    if not test:
        return material
    rows = [Cohort.read(path).frame for path in test]
    more = pd.concat([frame.assign(image=session_keys(frame)) for frame in rows], ignore_index=True)
    items = everywhere(material.items.drop(columns="person"), {"test": more})
    return material.with_facts(items=items)


def material_of(maps: Maps) -> Material:
    """Give what a MAPS holds to an audit: its sides and groups, whom its weights had seen, and how often it was asked."""
    sides = [(split, side, maps.group(side, split)) for split in maps.splits for side in ("train", "validation")]
    sides += [(split, name, maps.group(name)) for split in maps.splits for name in maps.groups]
    fitted, notes = list[Fitted](), list[str]()
    for split in maps.splits:
        found, unread = fitted_in(maps.paths.split(split), FITTED, split)
        fitted, notes = [*fitted, *found], [*notes, *unread]
    return Material(
        str(maps.root),
        "MAPS",
        of_sides(sides),
        label=next(iter(maps.columns), None),
        inputs=maps.experiment.data.covariates,
        flow=_kept_flow(maps),
        fitted=tuple(fitted),
        **pretrained_in({split: maps.transferred(split).people()[0] for split in maps.splits}),
        looks=looks_at(maps),
        pipeline=maps.experiment.data.pipeline.name,
        notes=tuple(notes),
    )


def whose(table: Path) -> frozenset[tuple[str, str]]:
    """Read the participants of a table, ``(dataset, participant_id)``."""
    frame = tables.read(table, ["participant_id"], text=IDS)
    scope = frame["dataset"].fillna("") if "dataset" in frame.columns else [""] * len(frame)
    return frozenset(zip(scope, frame["participant_id"].dropna(), strict=False))


def _kept_flow(maps: Maps) -> tuple[Step, ...]:
    if not maps.paths.flow.is_file():
        return ()
    return flow.from_plain(json.loads(maps.paths.flow.read_text(encoding="utf-8"))["cohort"])


def _from(maps: Maps, around: Around) -> Around:
    """Complete what is known with what a MAPS keeps: where its images are."""
    data = maps.experiment.data
    images = around.images or {name: path for name, path in DataSets.of(data.caps).items() if path.is_dir()}
    return Around(
        **{
            **vars(around),
            "images": images,
            "store": around.store or data.store,
            "pipeline": around.pipeline or data.pipeline.name,
            "pipeline_options": around.pipeline_options if around.pipeline else data.pipeline.options,
        }
    )


def _surrounded(material: Material, around: Around, what: Path, pipelines: Mapping[str, str]) -> Material:
    """Add the cohort's table, the label, and who was seen before."""
    if around.table:
        table = tables.read(around.table, ["participant_id"], text=IDS)
        material = joined(material, table, str(around.table))
    facts: dict[str, Any] = {"inputs": around.inputs, "groups": around.groups}
    told = material.label if material.label in material.columns else None
    label = around.label or told or ("diagnosis" if "diagnosis" in material.columns else None)
    wanted = [name for name in (around.label, *around.inputs, *around.groups) if name]
    unknown = [name for name in wanted if name not in material.columns]
    hint = "name another, or give the table that has it with --table"
    refuse(str(what), [Problem(f"it has no column {n!r}; {did_you_mean(n, material.columns)}", hint) for n in unknown])
    facts["label"] = label if label in material.columns else None
    if around.pretrained:
        facts["pretrained"] = (material.pretrained or frozenset()) | whose(around.pretrained)
    for name, folder in around.images.items():
        # no other pipeline reads a group's template; whatever else was computed says so by the name of its list
        lists = (*TEMPLATES, *FITTED) if pipelines[name] == TEMPLATED else FITTED
        found, notes = fitted_in(folder, lists, dataset=name)
        facts["fitted"] = (*(facts.get("fitted", material.fitted) or ()), *found)
        facts["notes"] = (*facts.get("notes", material.notes), *notes)
    return material.with_facts(**facts)


def _evidence(
    material: Material, around: Around, pipelines: Mapping[str, str], jobs: int, show: Show
) -> Evidence | None:
    """Look at the images of every data set."""
    if not around.images:
        return None
    places = [folder.resolve() for folder in around.images.values()]
    if len(set(places)) < len(places):
        msg = f"--images: {listing(list(around.images))} are given one folder; each data set needs a folder of its own."
        raise InputError(msg)
    gathered: list[Evidence] = []
    for name, folder in around.images.items():
        items = material.items if not name else material.items[material.items["dataset"] == name]
        if not len(items):
            msg = f"--images {name}={folder}: no item is of a data set {name!r}."
            raise InputError(msg)
        chosen = _pipeline(pipelines[name], around.pipeline_options, items)
        asked = material.with_facts(items=items.drop(columns="person"))
        found = evidence_of(asked, folder, chosen, store=around.store, jobs=jobs, show=show)
        if pipelines[name] == TEMPLATED and not (found.images or around.pipeline_options):
            found = Evidence(folder.name, {}, {}, UNTOLD)  # its lists are worth reading all the same
        else:
            refuse_empty(found)
        gathered.append(found)
    images = {key: facts for one in gathered for key, facts in one.images.items()}
    missing = {key: why for one in gathered for key, why in one.missing.items() if key not in images}
    others = material.items.loc[material.items["image"] != "", ["image", "dataset"]].drop_duplicates("image")
    for key, dataset in others.itertuples(index=False, name=None):
        if key not in images and key not in missing:
            missing[key] = f"no --images were given for the data set {dataset!r}"
    if not images and all(pipelines[name] == TEMPLATED for name in around.images):
        return None
    why = next((one.without_fingerprint for one in gathered if one.without_fingerprint), "")
    return Evidence(", ".join(one.source for one in gathered), images, missing, why)


def _pipeline_name(folder: Path, given: str | None) -> str:
    """Tell what preprocessed the images of a folder: what the user says, or what lies in it; nothing for mere files."""
    if not folder.is_dir():
        msg = f"--images {folder}: there is no such folder."
        raise InputError(msg)
    if given:
        pipeline.find(given, trusted=())
        return given
    if (folder / "subjects").is_dir():
        volumes = next(folder.glob("subjects/*/*/t1/spm"), None)
        return TEMPLATED if volumes and not next(folder.glob("subjects/*/*/t1_linear"), None) else "t1-linear"
    return "raw" if next(folder.glob("sub-*"), None) else ""


def _pipeline(name: str, options: Mapping[str, Any], items: pd.DataFrame) -> Pipeline | None:
    """Give the pipeline whose images are looked up by session; None for files that are looked up by their name."""
    if not name or not (items["session_id"] != "").any():
        return None
    made: Pipeline = pipeline.find(name, trusted=()).build({}, options)  # an audit runs nobody's code
    return made


def _refuse_other(out: Path, lists: str) -> None:
    """Refuse a folder whose certificate is of something else: of a training, of a split, of other lists.

    Raises
    ------
    InputError
        With what to do.
    """
    if (out / "certificate.json").is_file() and Certificate.read(out / "certificate.json").lists != lists:
        msg = f"--out {out} holds the certificate of other lists; nothing is ever written over. Choose another folder."
        raise InputError(msg)
    taken = next(
        (name for name in ("maps.json", "split.json", "kfold.json", "data.tsv") if (out / name).is_file()), None
    )
    if taken or (out.exists() and not out.is_dir()):
        msg = f"--out {out} {f'holds {taken}, and a certificate of its own' if taken else 'is a file'}; nothing is ever written over. Choose another folder."
        raise InputError(msg)
