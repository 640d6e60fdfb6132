"""Nearly the same image, or the same brain on another day, under two people's names."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fimbria.data.audit.finding import Checked, Finding
from fimbria.data.audit.fingerprint import BINS, MOST_PAIRS, matches, measured, similarity
from fimbria.data.audit.material import rank, where
from fimbria.data.audit.people.images import NOT_READ, unread
from fimbria.errors import counted, listing

if TYPE_CHECKING:
    from fimbria.data.audit.evidence import Evidence
    from fimbria.data.audit.fingerprint import Measured
    from fimbria.data.audit.material import Material

NAME = "near-image"
ASKS = "Is one brain there under the names of two people, on two sides of a split?"


def look(material: Material) -> Checked:
    """Compare fingerprints of brains between people and, the other way, between the visits of one person."""
    evidence = material.evidence
    printed = (
        {} if evidence is None else {k: f.fingerprint for k, f in evidence.images.items() if f.fingerprint is not None}
    )
    if evidence is None or not printed:
        why = NOT_READ if evidence is None else evidence.without_fingerprint or unread(evidence)
        return Checked(NAME, ASKS, unchecked=why)
    whose = material.items.drop_duplicates("image").set_index("image")["person"]
    keys = [key for key in printed if key in whose.index]
    prints = np.stack([printed[key] for key in keys]) if keys else np.empty((0, 2, 1), dtype=np.float32)
    findings = (*_two_names(material, evidence, keys, prints), *_strangers(whose, keys, prints))
    sides = material.items.loc[material.items["image"].isin(keys), ["split", "side"]].drop_duplicates()
    if not sides["split"].duplicated().any():
        why = evidence.without_fingerprint or "the others are not aligned"
        return Checked(NAME, ASKS, "", findings, f"fingerprints are there on one side alone: {why}")
    scale = measured()
    looked = (
        f"{len(keys):,} fingerprints of {evidence.source}, every pair; alike from {scale.threshold:g}: {scale.people} real "
        f"people were {scale.same.lowest:.2f} to {scale.same.highest:.2f} like themselves, remade in "
        f"{len(scale.disguises)} ways, and at most {scale.others.highest:.2f} like anybody else. "
        f"{_visits(whose, keys):,} people have several visits, which should be alike"
    )
    short = len(evidence.images) - len(printed)
    unchecked = (
        f"{counted(short, 'image')} without a fingerprint ({evidence.without_fingerprint or 'not aligned'})"
        if short
        else ""
    )
    return Checked(NAME, ASKS, looked, findings, unchecked or unread(evidence), _scale(scale))


def _two_names(material: Material, evidence: Evidence, keys: list[str], prints: np.ndarray) -> list[Finding]:
    """Find brains that two people of different sides share; images of equal voxels are another look's."""
    pairs, scores = matches(prints)
    least = "at least " if len(pairs) >= MOST_PAIRS else ""
    if not len(pairs):
        return []
    names = np.asarray(keys, dtype=object)
    table = pd.DataFrame({"image": names[pairs[:, 0]], "other": names[pairs[:, 1]], "score": scores})
    copies = [
        evidence.images[a].voxels == evidence.images[b].voxels
        for a, b in zip(table["image"], table["other"], strict=True)
    ]
    placed = material.items[["split", "side", "image", "person"]].drop_duplicates()
    theirs = placed.rename(columns={"image": "other", "side": "other_side", "person": "other_person"})
    table = table[~np.asarray(copies, dtype=bool)].merge(placed, on="image").merge(theirs, on=["other", "split"])
    strangers = (table["person"] != table["other_person"]) | (table["person"] == "")
    table = table[(table["side"] != table["other_side"]) & strangers]
    if not len(table):
        return []
    findings = []
    for pair in combinations(sorted({*table["side"], *table["other_side"]}, key=rank), 2):
        rows = table[table["side"].isin(pair) & table["other_side"].isin(pair)]
        if not len(rows):
            continue
        best = rows.sort_values("score", ascending=False).drop_duplicates(["image", "other"])
        alike = [
            f"{min(a, b)} ~ {max(a, b)} ({score:.2f})"
            for a, b, score in best[["image", "other", "score"]].itertuples(index=False)
        ]
        who = tuple(sorted({*best["image"], *best["other"]}))
        what = f"{least}{counted(len(best), 'pair')} of images under two people's names, of one brain: {listing(alike)}"
        remedy = "look at both; if they are one person, give them one participant_id (or person_id) and split again (people made from one template show its brain)"
        findings.append(
            Finding(NAME, "leak", what, who, where(pair, rows["split"]), "probable", remedy, "", tuple(alike))
        )
    return findings


def _strangers(whose: pd.Series, keys: list[str], prints: np.ndarray) -> list[Finding]:
    """Find visits of one person that show another brain than that person's other visits."""
    people = pd.Series(range(len(keys)), index=pd.Index(keys)).groupby(whose.reindex(keys).to_numpy(), sort=True)
    strange = []
    for person, places in people:
        if person and len(places) > 1:
            of = prints[places.to_numpy()]
            alike = similarity(of, of)
            np.fill_diagonal(alike, -1.0)
            strange += [(keys[place], best) for place, best in zip(places, alike.max(axis=1).tolist(), strict=True)]
    found = sorted((key, best) for key, best in strange if best < measured().threshold)
    if not found:
        return []
    told = [f"{key} ({best:.2f}{_instead(key, whose, keys, prints)})" for key, best in found]
    what = f"{counted(len(found), 'image')} like no other visit of their participant: {listing(told)}"
    remedy = "look at them: scans may have been swapped, or the alignment failed"
    who = tuple(key for key, _ in found)
    return [Finding(NAME, "risk", what, who, "all sides", "possible", remedy, "", tuple(told))]


def _instead(key: str, whose: pd.Series, keys: list[str], prints: np.ndarray) -> str:
    """Name the image of somebody else that shows the same brain, if there is one."""
    alike = similarity(prints[[keys.index(key)]], prints)[0]
    theirs = (whose.reindex(keys) != whose[key]).to_numpy()
    best = int(np.where(theirs, alike, -1.0).argmax())
    return f"; like {keys[best]}, {alike[best]:.2f}" if theirs[best] and alike[best] > measured().threshold else ""


def _visits(whose: pd.Series, keys: list[str]) -> int:
    counts = whose.reindex(keys).value_counts()
    return int((counts[counts.index != ""] > 1).sum())


def _scale(scale: Measured) -> dict[str, Any]:
    """Give both measured distributions, and each disguise, as JSON keeps them."""
    return json.loads(json.dumps({**asdict(scale), "bins": BINS}))  # type: ignore[no-any-return]  # a dictionary
