"""The certificates that come by themselves: with every split, every training and every prediction. There is no way around.

They hold what costs nothing to look at; `fimbria audit` looks at more.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fimbria.data.audit.audit import audit
from fimbria.data.audit.certificate import Acceptance
from fimbria.data.audit.evidence import Evidence
from fimbria.data.audit.material import Fitted, Look, Material, of_sides
from fimbria.errors import LeakError
from fimbria.provenance import sha256
from fimbria.results.maps.training import networks_in
from fimbria.workflows.evidence import evidence_in, seen_images

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fimbria.data.audit.certificate import Certificate
    from fimbria.data.cohort.cohort import Cohort, Session, Step
    from fimbria.data.cohort.splits import Split, Splits
    from fimbria.data.extraction.origin import Origin
    from fimbria.data.extraction.store import Entry
    from fimbria.experiment.experiment import Experiment
    from fimbria.results.maps.maps import Maps
    from fimbria.workflows.show import Show
    from fimbria.workflows.transfer import Source

Accept = tuple[tuple[str, str], ...]


def certify_splits(name: str, splits: Splits, steps: Sequence[Step], label: str, everybody: Cohort) -> Certificate:
    """Audit splits that were just made, from their tables alone; of nested ones, the inner with the test side of the outer."""
    inner = [(split, within) for split, folds in zip(splits, splits.inner, strict=False) for within in folds]
    sides = [(split.index, side, cohort) for split in splits for side, cohort in _sides(split)]
    if inner:
        sides = [
            (number, side, cohort)
            for number, (split, within) in enumerate(inner)
            for side, cohort in (*_sides(within), ("test", split.other))
        ]
    known = label if label in everybody.frame.columns else None
    return audit(Material(name, "splits", of_sides(sides), label=known, everybody=everybody.frame, flow=tuple(steps)))


def _sides(split: Split) -> tuple[tuple[str, Cohort], tuple[str, Cohort]]:
    return ("train", split.train), (split.name, split.other)


def certify_training(  # noqa: PLR0913, PLR0917  (what is trained, on whom, and what is known of them)
    experiment: Experiment,
    columns: Sequence[str],
    splits: Sequence[Split],
    entries: Mapping[Session, Entry],
    origin: Origin,
    steps: Sequence[Step],
    fitted: Sequence[Fitted] = (),
    begun: Mapping[int, Source] = MappingProxyType({}),
    accept: Accept = (),
) -> Certificate:
    """Audit what is about to be trained, from its tables (and the columns of them that it learns) and its decoded images.

    Without any image, the tables alone are audited, which is worth doing before hours of decoding; findings that somebody
    answers for may then be of images, and are not asked for.

    Raises
    ------
    LeakError
        For leaks that nobody answers for.
    """
    sides = [(split.index, side, cohort) for split in splits for side, cohort in _sides(split)]
    material = Material(
        experiment.data.splits.name,
        "splits of a training",
        of_sides(sides),
        label=next(iter(columns), None),
        inputs=experiment.data.covariates,
        flow=tuple(steps),
        fitted=tuple(fitted),
        **pretrained_in({split: source.trained for split, source in begun.items()}),
        evidence=evidence_in(entries, origin) if entries else None,
        pipeline=origin.pipeline.name,
    )
    found = audit(material)
    known = {finding.id for finding in found.findings}
    return _answered(found, accept if entries else tuple(one for one in accept if one[0] in known))


def certify_prediction(  # noqa: PLR0913, PLR0917  (whom, with what)
    maps: Maps,
    group: str,
    people: Cohort,
    entries: Mapping[Session, Entry],
    origin: Origin,
    trained: Origin | None,
    looks: Sequence[Look],
    accept: Accept = (),
) -> Certificate:
    """Audit whom a MAPS is about to be asked about, beside everybody its weights have seen.

    Raises
    ------
    LeakError
        For leaks that nobody answers for.
    """
    sides = [(split, side, maps.group(side, split)) for split in maps.splits for side in ("train", "validation")]
    sides += [(split, group, people) for split in maps.splits]
    now = evidence_in(entries, origin)
    material = Material(
        f"{group} of {maps.root.name}",
        "group of a MAPS",
        of_sides(sides),
        label=next(iter(maps.columns), None),
        inputs=maps.experiment.data.covariates,
        fitted=(),
        **pretrained_in({split: maps.transferred(split).people()[0] for split in maps.splits}),
        looks=tuple(looks),
        evidence=Evidence(
            now.source, {**seen_images(maps, origin, trained), **now.images}, {}, now.without_fingerprint
        ),
        pipeline=origin.pipeline.name,
    )
    return _answered(audit(material).still_accepting(accepted_in(maps)), accept)


def pretrained_in(people: Mapping[int, frozenset[tuple[str, str]] | None]) -> dict[str, Any]:
    """Say whom the weights of each split had seen before; of a file that comes with no list, that is not known."""
    if any(one is None for one in people.values()):
        return {"pretrained": None}
    return {"pretrained": frozenset(), "pretrained_of": {split: one for split, one in people.items() if one}}


def accepted_in(maps: Maps) -> tuple[Acceptance, ...]:
    """Give every finding that somebody answered for when a MAPS was trained or asked."""
    kept = [maps.audits.read(group) for group in (None, *maps.groups)]
    return tuple(one for certificate in kept if certificate for one in certificate.accepted)


def tell(certificate: Certificate, show: Show) -> None:
    """Say what an audit found, and whether it has seen the brains."""
    for finding in certificate.findings:
        show.say(f"{finding.level.upper()} ({finding.certainty}): {finding.what} ({finding.where}).")
    show.say(f"Audit: {certificate.verdict}")
    if any(check.check == "near-image" and check.verdict == "not checked" for check in certificate.checks):
        show.say("Brains were not compared: `fimbria audit FOLDER --images CAPS` compares them.")


def looks_at(maps: Maps) -> tuple[Look, ...]:
    """Give the times that groups of a MAPS were scored."""
    rows = maps.audits.looks().itertuples(index=False, name=None)
    return tuple(Look(group, weights, participants_of(people), date) for group, weights, date, people in rows)


def participants_of(names: str) -> frozenset[tuple[str, str]]:
    """Read people from their names, as `named` gives them.

    Examples
    --------
    >>> sorted(participants_of("OASIS: sub-01; sub-02"))
    [('', 'sub-02'), ('OASIS', 'sub-01')]
    """
    parted = (name.rpartition(": ") for name in names.split("; "))
    return frozenset((dataset, participant) for dataset, _, participant in parted)


def candidate(maps: Maps, splits: Sequence[int]) -> str:
    """Name the weights that score a group: other weights have another name."""
    metrics = maps.experiment.task.selection_metrics
    weights = [
        sha256(maps.training(split, network).weights(metric))
        for split in splits
        for metric in metrics
        for network in networks_in(maps.paths, split, metric)
    ]
    return hashlib.sha256("\n".join(weights).encode()).hexdigest()[:12]


def _answered(certificate: Certificate, accept: Accept) -> Certificate:
    """Stop at a leak that nobody answers for.

    What is only possible (a test set that was looked at twice may have been used to choose) is kept, and stops nothing.
    """
    certificate = certificate.accepting([Acceptance(*one) for one in accept])
    stopping = [found for found in certificate.open("leak") if found.certainty != "possible"]
    if stopping:
        lines = [f"  {found.what} ({found.where})  -> {found.remedy}\n    {found.id}" for found in stopping]
        msg = "\n".join(
            [
                f"the audit found {len(stopping)} leak{'s' if len(stopping) > 1 else ''} in {certificate.subject}, nothing was started:",
                *lines,
                'If you answer for it: --accept-finding ID --because "..." (it will stand in every report).',
            ]
        )
        raise LeakError(msg)
    return certificate
