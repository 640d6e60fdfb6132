"""Weights that a training begins with: what is taken over and kept, and whom they had seen."""

from __future__ import annotations

import json
import pickle
import shutil

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import fimbria
from breaking import Breaking, PowerCutError, Telling, kept_bytes
from fimbria import tables
from fimbria.cli.app import run
from fimbria.errors import FimbriaError, InputError, LeakError, ProblemsError
from fimbria.results.maps.maps import Maps
from fimbria.workflows.plan import plan
from fimbria.workflows.splits import kfold_cohort
from fimbria.workflows.train import resume
from fimbria.workflows.transfer import sources

ONE_EPOCH = {"optimization": {"epochs": 1}}


def beginning_with(study, maps, **options):
    return study.experiment.changed({"transfer": {"maps": str(maps), **options}})


@pytest.fixture(scope="module")
def frozen(begun, trained, tmp_path_factory):
    """A study that began with the weights of another, its features frozen."""
    study = begun.copy(tmp_path_factory.mktemp("frozen"))
    said = Telling()
    fimbria.train(beginning_with(study, trained.maps, freeze=["convolutions"]), study.maps, show=said)
    return study, said.said


def test_strangers_are_predicted_with_weights_that_began_with_those_of_the_same_folds(frozen, tmp_path):
    study = frozen[0].copy(tmp_path)
    assert fimbria.predict(study.maps, study.test, group="test").metrics is not None


def weights(maps, split, folder="best-loss"):
    return load_file(maps / f"split-{split}" / folder / "model.safetensors")


def test_each_split_begins_with_the_weights_of_its_own(frozen, trained):
    study, said = frozen
    for split in (0, 1):
        first = load_file(study.maps / "transfer" / f"split-{split}" / "initial.safetensors")
        source = weights(trained.maps, split)
        assert first.keys() == source.keys()
        assert all(torch.equal(first[name], source[name]) for name in source)
        record = json.loads((study.maps / "transfer" / f"split-{split}" / "initial.json").read_text())
        people = {who for _, who in Maps(trained.maps).group("train", split).participants}
        assert {who for _, who in record["trained"]} == people
        assert {who for _, who in record["seen"]} > people
    assert any("split 0" in one for one in said)


def test_what_is_frozen_does_not_move_its_running_statistics_included_and_the_rest_learns(frozen, trained):
    study, _ = frozen
    for split in (0, 1):
        before, after = weights(trained.maps, split), weights(study.maps, split)
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        assert not [name for name in moved if name.startswith("convolutions")]
        assert {name for name in moved if name.startswith("fc")} == {name for name in after if name.startswith("fc")}


@pytest.mark.parametrize(
    ("options", "still"),
    [({"freeze": 0.5}, 0.5), ({"freeze": 2}, 2), ({"unfrozen": 1}, None), ({"freeze": "convolutions.0"}, 1)],
)
def test_a_share_a_count_or_names_stay_as_they_are(begun, trained, tmp_path, options, still):
    fimbria.train(beginning_with(begun, trained.maps, **options), tmp_path / "maps")
    before, after = weights(trained.maps, 0), weights(tmp_path / "maps", 0)
    learnt = [name for name in before if name.endswith(("weight", "bias"))]
    layers = list(
        dict.fromkeys(
            name.rpartition(".")[0] for name in sorted(learnt, key=lambda n: (n.startswith("fc"), int(n.split(".")[1])))
        )
    )
    moved = {name.rpartition(".")[0] for name in learnt if not torch.equal(before[name], after[name])}
    same = [layer for layer in layers if layer not in moved]
    assert same == layers[: len(same)]
    assert moved
    if still == 0.5:
        assert len(same) == len(layers) // 2
    elif still is not None:
        assert len(same) == still
    else:
        assert moved == {layers[-1]}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"freeze": 1.0}, "how much to freeze|nothing would be left to learn"),
        ({"freeze": ["decoder*"]}, "decoder"),
        ({"freeze": -1}, "-1"),
        ({"metric": "roc_auc"}, "roc.auc"),
        ({"weights": "some.safetensors"}, "both"),
        ({"freeze": 2, "unfrozen": 1}, "both transfer.freeze and transfer.unfrozen"),
    ],
)
def test_what_cannot_be_begun_with_is_refused_before_anything_is_trained(begun, trained, options, sentence):
    with pytest.raises(FimbriaError, match=sentence):
        plan(beginning_with(begun, trained.maps, **options))


def test_what_is_not_taken_over_cannot_be_frozen(begun, trained):
    another = {"network": {"name": "conv5-fc3"}}  # the same convolutions, other dense layers
    with pytest.raises(ProblemsError, match=r"fc\.2, fc\.4 would be frozen and not taken over"):
        plan(beginning_with(begun, trained.maps, freeze=["convolutions", "fc.2", "fc.4"]).changed(another))
    plan(beginning_with(begun, trained.maps, freeze="convolutions").changed(another))


def test_a_maps_that_is_not_there_is_refused(begun, tmp_path):
    with pytest.raises(FimbriaError, match="nowhere is no MAPS"):
        plan(beginning_with(begun, tmp_path / "nowhere"))


def test_freezing_without_weights_is_refused(begun):
    with pytest.raises(FimbriaError, match=r"transfer.freeze without weights"):
        plan(begun.experiment.changed({"transfer": {"freeze": 0.5}}))


@pytest.mark.parametrize("after", [1, 4])
def test_broken_off_it_goes_on_though_the_source_is_gone(begun, trained, frozen, tmp_path, after):
    source = tmp_path / "source"
    shutil.copytree(trained.maps, source)
    experiment = beginning_with(begun, source, freeze=["convolutions"])
    experiment = experiment.changed({"compute": {"checkpoint_minutes": 1e-6}})
    with pytest.raises(PowerCutError):
        fimbria.train(experiment, tmp_path / "maps", show=Breaking(after))
    shutil.rmtree(source)
    resume(tmp_path / "maps")
    assert kept_bytes(tmp_path / "maps") == kept_bytes(frozen[0].maps)


def folds_otherwise(study):
    """Give folds in which other people are held out than in those of the study."""
    shutil.rmtree(study.folds)
    for seed in range(2, 30):
        kfold_cohort(study.root / "labels" / "train.tsv", study.folds, folds=2, stratify=["diagnosis"], seed=seed)
        held = set(tables.read(study.folds / "split-0" / "validation.tsv")["participant_id"])
        if not held & before_of(study):
            shutil.rmtree(study.folds)
            continue
        return held
    raise AssertionError


def before_of(study):
    return set(tables.read(study.root / "before.tsv")["participant_id"])


def test_people_who_taught_the_weights_may_not_be_held_out(begun, trained, tmp_path):
    study = begun.copy(tmp_path)
    taught = tables.read(study.folds / "split-0" / "train.tsv")
    tables.write(taught[["participant_id"]].drop_duplicates(), study.root / "before.tsv")
    held = folds_otherwise(study)
    with pytest.raises(LeakError, match="the weights had seen") as caught:
        fimbria.train(beginning_with(study, trained.maps), study.maps)
    for who in held & set(taught["participant_id"]):
        assert who in str(caught.value)
    assert not study.maps.exists()


def test_a_source_with_one_split_teaches_every_split_and_its_people_are_held_out_of_none(begun, tmp_path):
    source = begun.copy(tmp_path / "source")
    shutil.rmtree(source.folds / "split-1")
    (source.folds / "kfold.json").unlink()
    fimbria.train(source.experiment, source.maps)
    with pytest.raises(LeakError, match="split-1"):
        plan(beginning_with(begun, source.maps))


def test_a_source_of_other_splits_is_refused_in_words(begun, trained, tmp_path):
    study = begun.copy(tmp_path)
    shutil.rmtree(study.folds)
    kfold_cohort(study.root / "labels" / "train.tsv", study.folds, folds=3, seed=1)
    with pytest.raises(FimbriaError, match=r"split 0, 1.*0, 1, 2.*same splits"):
        plan(beginning_with(study, trained.maps))


@pytest.fixture(scope="module")
def elsewhere(begun, tmp_path_factory):
    """A MAPS whose people are not in the study but for those of its test list."""
    study = begun.copy(tmp_path_factory.mktemp("elsewhere"))
    both = tables.read(study.test, text=["participant_id", "session_id"])
    for split in (0, 1):
        for side, chosen in (("train", both), ("validation", both)):
            who = sorted(set(chosen["participant_id"]))[side == "validation"]
            rows = chosen[chosen["participant_id"] == who]
            tables.write(
                rows.assign(age=[60 + split + n for n in range(len(rows))]),
                study.folds / f"split-{split}" / f"{side}.tsv",
            )
    (study.folds / "kfold.json").unlink()
    known = study.experiment.changed({"task": {"name": "reconstruction"}, "network": {"name": "ae-conv5-fc3"}})
    fimbria.train(known, study.maps)
    return study


def test_people_whom_the_source_saw_may_not_be_predicted(begun, elsewhere, tmp_path):
    study = begun.copy(tmp_path)
    experiment = beginning_with(study, elsewhere.maps).changed({"network": {"name": "conv5-fc3"}})
    fimbria.train(experiment, study.maps)
    first = load_file(study.maps / "transfer/split-0/initial.safetensors")
    encoder = weights(elsewhere.maps, 0)
    taken = [
        name
        for name, value in first.items()
        if any(value.shape == one.shape and torch.equal(value, one) for one in encoder.values())
    ]
    assert any(name.startswith("convolutions") for name in taken)
    with pytest.raises(LeakError, match="were seen in training or validation"):
        fimbria.predict(study.maps, study.test, group="test")


@pytest.fixture
def clinicadl(trained, tmp_path):
    """The same weights in a MAPS as ClinicaDL 1.x lays it out."""
    root = tmp_path / "clinicadl"
    for split in (0, 1):
        best = root / f"split-{split}" / "best-loss"
        best.mkdir(parents=True)
        state = {"model": weights(trained.maps, split), "epoch": 1, "name": "Conv4_FC3"}
        torch.save(state, best / "model.pth.tar")
        for side in ("train", "validation"):
            folder = root / "groups" / side / f"split-{split}"
            folder.mkdir(parents=True)
            frame = Maps(trained.maps).group(side, split).frame
            frame[["participant_id", "session_id", "diagnosis"]].assign(cohort="single").to_csv(
                folder / "data.tsv", sep="\t"
            )
    shutil.copy(trained.maps / "groups" / "train+validation.tsv", root / "groups" / "train+validation.tsv")
    (root / "maps.json").write_text(
        json.dumps({"architecture": "Conv4_FC3", "label": "diagnosis", "transfer_path": False})
    )
    return root


def test_a_maps_of_clinicadl_is_begun_with(begun, trained, clinicadl, tmp_path):
    fimbria.train(beginning_with(begun, clinicadl), tmp_path / "maps")
    fimbria.train(beginning_with(begun, trained.maps), tmp_path / "ours")
    ours = kept_bytes(tmp_path / "ours")
    assert kept_bytes(tmp_path / "maps") == ours
    record = json.loads((tmp_path / "maps/transfer/split-0/initial.json").read_text())
    assert record["trained"] == json.loads((tmp_path / "ours/transfer/split-0/initial.json").read_text())["trained"]


def test_a_maps_of_clinicadl_without_those_weights_is_refused(begun, clinicadl):
    with pytest.raises(FimbriaError, match=r"split-<i>/best-mae"):
        plan(beginning_with(begun, clinicadl, metric="mae"))


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth.tar", "weights.safetensors"])
def test_a_pickle_is_refused_and_not_run(begun, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"model": Evil()}))
    with pytest.raises(FimbriaError, match=name):
        plan(begun.experiment.changed({"transfer": {"weights": str(path)}}))
    torch.save({"model": Evil()}, path)
    with pytest.raises(FimbriaError, match=name):
        plan(begun.experiment.changed({"transfer": {"weights": str(path)}}))


def test_a_file_that_is_not_there_or_fits_nothing_is_refused(begun, tmp_path):
    with pytest.raises(FimbriaError, match=r"nothing.safetensors"):
        plan(begun.experiment.changed({"transfer": {"weights": str(tmp_path / "nothing.safetensors")}}))
    save_file({"other.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(FimbriaError, match="other"):
        plan(begun.experiment.changed({"transfer": {"weights": str(tmp_path / "other.safetensors")}}))


def look(maps):
    certificate = json.loads((maps / "certificate.json").read_text())
    return json.dumps([one for one in certificate["checks"] if one["check"] == "pretrained-on-test"])


def test_weights_of_which_it_is_not_known_whom_they_saw_are_not_called_clean(begun, trained, tmp_path, capsys):
    words = [
        "train",
        begun.toml,
        tmp_path / "maps",
        "--transfer.weights",
        trained.maps / "split-0/best-loss/model.safetensors",
        "--quiet",
    ]
    assert run([str(word) for word in words]) == 0, capsys.readouterr().err
    assert "not checked" in look(tmp_path / "maps")
    fimbria.predict(tmp_path / "maps", begun.test, group="test")
    certificate = (tmp_path / "maps/groups/test/certificate.json").read_text()
    (said,) = [one for one in json.loads(certificate)["checks"] if one["check"] == "pretrained-on-test"]
    assert said["verdict"] == "not checked"


def test_weights_with_a_list_of_whom_they_saw_join_the_leak_check(begun, trained, tmp_path, capsys):
    weights_file = trained.maps / "split-0/best-loss/model.safetensors"
    tables.write(tables.read(begun.folds / "split-0" / "train.tsv")[["participant_id"]], tmp_path / "people.tsv")
    words = [
        "train",
        begun.toml,
        tmp_path / "maps",
        "--transfer.weights",
        weights_file,
        "--transfer.people",
        tmp_path / "people.tsv",
        "--quiet",
    ]
    assert run([str(word) for word in words]) == 2
    assert "the weights had seen" in capsys.readouterr().err
    strangers = tables.read(begun.test)[["participant_id"]].drop_duplicates()
    tables.write(strangers, tmp_path / "people.tsv")
    assert run([str(word) for word in words]) == 0
    assert "clean" in look(tmp_path / "maps")
    with pytest.raises(LeakError):
        fimbria.predict(tmp_path / "maps", begun.test, group="test")


def test_a_list_of_people_adds_to_those_that_a_maps_knows(begun, elsewhere, tmp_path):
    study = begun.copy(tmp_path)
    tables.write(tables.read(begun.folds / "split-0" / "validation.tsv")[["participant_id"]], tmp_path / "people.tsv")
    experiment = beginning_with(study, elsewhere.maps, people=str(tmp_path / "people.tsv"))
    with pytest.raises(LeakError, match="the weights had seen"):
        plan(experiment.changed({"network": {"name": "conv5-fc3"}}))


def test_a_table_answers_for_earlier_weights_of_which_a_maps_does_not_know(begun, trained, tmp_path):
    study = begun.copy(tmp_path)
    weights_file = trained.maps / "split-0/best-loss/model.safetensors"
    fimbria.train(begun.experiment.changed({"transfer": {"weights": str(weights_file)}, **ONE_EPOCH}), study.maps)
    (source, _) = sources(beginning_with(begun, study.maps), [0, 1]).values()
    assert source.trained is None
    tables.write(pd.DataFrame({"participant_id": ["sub-99"]}), tmp_path / "people.tsv")
    named = beginning_with(begun, study.maps, people=str(tmp_path / "people.tsv"))
    (source, _) = sources(named, [0, 1]).values()
    assert source.trained == {*Maps(study.maps).group("train", 0).participants, ("", "sub-99")}


def test_weights_of_weights_have_seen_whom_those_had_seen(begun, elsewhere, tmp_path):
    study = begun.copy(tmp_path)
    experiment = beginning_with(study, elsewhere.maps).changed({"network": {"name": "conv5-fc3"}})
    fimbria.train(experiment, study.maps)
    for split, source in sources(beginning_with(begun, study.maps), [0, 1]).items():
        taught, chose = (
            {person for one in (elsewhere.maps, study.maps) for person in Maps(one).group(side, split).participants}
            for side in ("train", "validation")
        )
        assert source.trained == taught
        assert source.seen == taught | chose


def test_a_list_without_weights_is_refused(begun, tmp_path):
    with pytest.raises(FimbriaError, match=r"transfer.people without weights"):
        plan(begun.experiment.changed({"transfer": {"people": str(tmp_path / "people.tsv")}}))


def test_an_unfinished_source_is_refused(begun, tmp_path):
    with pytest.raises(PowerCutError):
        fimbria.train(begun.experiment, tmp_path / "maps", show=Breaking(1))
    with pytest.raises((InputError, FimbriaError), match="no finished split"):
        plan(beginning_with(begun, tmp_path / "maps"))
