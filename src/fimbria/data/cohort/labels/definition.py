"""What a label means: a frozen description, checked before any table is read. No disease is named here."""

from __future__ import annotations

import typing
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, ValidationError

from fimbria.data.cohort.cohort import IDS
from fimbria.data.cohort.condition import Condition, contradictions
from fimbria.errors import InputError, Problem, ProblemsError, did_you_mean, listing, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA_VERSION = 1
DECIDED = "label_month"
MOST_MONTHS = 99_999  # what five digits in a session's name can say

Outcome = Literal["stable", "progressed", "regressed", "unknown"]


def word(value: object) -> str:
    """Give a value of a table or of a definition as text: ``1``, ``1.0`` and ``"1"`` are the same.

    Examples
    --------
    >>> word(1.0), word(" AD "), word(0.5)
    ('1', 'AD', '0.5')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _one_or_several(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return tuple(word(item) if isinstance(item, (int, float)) else item for item in value)
    return (word(value),) if isinstance(value, (str, int, float)) else value


Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_one_or_several)]
Outcomes = Annotated[tuple[Outcome, ...], BeforeValidator(_one_or_several)]


class Part(BaseModel):
    """A frozen part of a definition; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fill(Part):
    """Another column that speaks where the first is silent."""

    column: str = Field(description="Its name; a table without it is no error.")
    states: dict[str, Words] = Field(description="State -> the column's values that mean it.")


class Exclusion(Part):
    """Sessions that are left out for what some column says."""

    name: str = Field(description="What to call it, to admit whom it would leave out.")
    columns: Words = Field(description="Where to look; those that a table lacks say nothing.")
    equal_to: Words = Field(min_length=1, description="Values that leave a session out.")
    reason: str = Field("", description="What the flow says.")


class Ahead(Part):
    """What is needed to tell what becomes of a participant."""

    horizon: int = Field(gt=0, le=MOST_MONTHS, description="Months ahead.")
    ranks: dict[str, int] = Field(min_length=2, description="State -> rank; higher is worse, the same is the same.")


class Rule(Part):
    """When a session gets a label.

    ``stability`` says what else than the session itself is asked: nothing (``none``); no other state at any session
    of the participant (``constant``); what the participant is ``horizon`` months later, or at the ``last`` session.
    """

    state: Words = Field(min_length=1, description="State, or states, that the session must have.")
    stability: Literal["none", "constant", "horizon", "last"] = Field("none", description="What else is asked.")
    first: bool = Field(False, description="The participant's first session must have the state too.")
    changes: NonNegativeInt | None = Field(None, description="Most changes of state in a participant's life here.")
    outcomes: Outcomes = Field((), description="What must follow (horizon, last).")
    not_last: Outcomes = Field((), description="What must not follow the last session that has the state (horizon).")

    @property
    def looks_ahead(self) -> bool:
        """Tell whether later sessions decide by their rank."""
        return self.stability in ("horizon", "last")


class Definition(Part):
    """Which column, which values become which label, which sessions, and what must follow.

    Examples
    --------
    >>> plain = {"column": "group", "states": {"ill": ["2", "3"]}, "labels": {"case": {"state": "ill"}}, "keep": "case"}
    >>> Definition.of(plain).labels["case"].stability
    'none'
    """

    schema_version: Literal[1] = Field(1, description="Of this description.")
    name: str = Field("", description="What to call it.")
    description: str = Field("", description="One sentence.")
    column: Words = Field(min_length=1, description="Columns of the state; the first that the table has is taken.")
    find: str = Field("", description="Where none is there: take the shortest column whose name contains this.")
    output: str = Field("label", min_length=1, description="Column that the label is written into.")
    keep: Words = Field(min_length=1, description="Labels that are kept.")
    missing: Words = Field((), description="Values that say nothing, besides empty ones.")
    states: dict[str, Words] = Field(min_length=1, description="State -> the column's values that mean it.")
    fill: tuple[Fill, ...] = Field((), description="Other columns that speak where the first is silent.")
    exclusions: tuple[Exclusion, ...] = Field((), description="Who is left out before anything else.")
    admit: Words = Field((), description="Names of exclusions that are not applied.")
    baseline_month: NonNegativeInt | None = Field(None, description="Month that a first session must be of.")
    remove_unique_session: bool = Field(False, description="Leave out who has one session only.")
    ahead: Ahead | None = Field(None, description="Horizon and ranks, for what looks ahead.")
    labels: dict[str, Rule] = Field(min_length=1, description="Label -> when a session gets it.")
    modality: str = Field("", description="Image that a session must have, where missing-modality tables are given.")
    inclusion: Words = Field((), description="Conditions that a labelled session must meet, such as age >= 62.")

    @classmethod
    def of(cls, plain: Mapping[str, Any], source: str = "the definition of the cohort") -> Self:
        """Check a plain description.

        Parameters
        ----------
        plain
            Nested mappings, as TOML holds them.
        source
            What to call it in an error.

        Raises
        ------
        InputError
            When it was written for a newer Fimbria.
        ProblemsError
            For every unknown key (with the nearest name), missing key and unfit value, or else for every
            contradiction, all at once.
        """
        version = plain.get("schema_version", SCHEMA_VERSION)
        if isinstance(version, int) and version > SCHEMA_VERSION:
            msg = f"{source} was written for a newer Fimbria (schema {version}; this one reads {SCHEMA_VERSION}). Upgrade Fimbria."
            raise InputError(msg)
        try:
            definition = cls.model_validate(dict(plain))
        except ValidationError as error:
            raise ProblemsError(source, [_sentence(cls, dict(item)) for item in error.errors()]) from error
        refuse(source, definition.contradictions())
        return definition

    def changed(self, **changes: object) -> Self:
        """Give a new definition with some keys changed; ``horizon`` stands for ``ahead.horizon``.

        Raises
        ------
        ProblemsError
            When the two do not go together, such as a label that is not defined.
        """
        plain = self.plain()
        if (horizon := changes.pop("horizon", None)) is not None:
            plain["ahead"] = {**plain.get("ahead", {}), "horizon": horizon}
        return self.of({**plain, **changes}, self.name or "the definition of the cohort")

    def plain(self) -> dict[str, Any]:
        """Give nested dictionaries of plain values, as TOML holds them; what is as by default is left out."""
        kept = self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        return {"schema_version": self.schema_version, **kept}

    @property
    def horizon(self) -> int:
        """Months ahead; 0 where nothing looks ahead."""
        return self.ahead.horizon if self.ahead else 0

    @property
    def ranks(self) -> dict[str, int]:
        """State -> rank; empty where nothing looks ahead."""
        return dict(self.ahead.ranks) if self.ahead else {}

    def contradictions(self) -> list[Problem]:
        """Give everything in it that cannot be meant together."""
        return [*_values(self), *_names(self), *_rules(self), *_overlaps(self)]


def _values(definition: Definition) -> list[Problem]:
    """Look for values that mean two things."""
    problems = []
    tables = [("states", definition.states), *((f"fill {one.column!r}", one.states) for one in definition.fill)]
    for where, meaning in tables:
        said = Counter(value for values in meaning.values() for value in values)
        for value in (value for value, times in said.items() if times > 1):
            states = [state for state, values in meaning.items() if value in values]
            problems.append(Problem(f"{where}: the value {value!r} means {listing(states)}", "a value means one state"))
    listed = {value for values in definition.states.values() for value in values}
    both = sorted(listed & set(definition.missing))
    problems += [Problem(f"{value!r} is a state's value, and missing", "take it out of one") for value in both]
    return problems


def _names(definition: Definition) -> list[Problem]:
    """Look for names that nothing bears, or two things."""
    states, labels = definition.states, definition.labels
    asked = [
        *(("keep", "label", name, labels) for name in definition.keep),
        *(("admit", "exclusion", name, [one.name for one in definition.exclusions]) for name in definition.admit),
        *((f"labels.{label}", "state", name, states) for label, rule in labels.items() for name in rule.state),
        *((f"fill {one.column!r}", "state", name, states) for one in definition.fill for name in one.states),
        *(("ahead.ranks", "state", name, states) for name in definition.ranks),
    ]
    problems = [
        Problem(f"{where}: there is no {kind} {name!r}", did_you_mean(name, known))
        for where, kind, name, known in asked
        if name not in known
    ]
    for what, names in (("keep", definition.keep), ("exclusions", [one.name for one in definition.exclusions])):
        problems += [Problem(f"{what}: {name!r} stands there twice") for name, n in Counter(names).items() if n > 1]
    if definition.output in (*IDS, DECIDED):
        problems.append(Problem(f"output = {definition.output!r} is a column of Fimbria's own", "choose another name"))
    conditions = []
    for text in definition.inclusion:
        try:
            conditions.append(Condition.parse(text))
        except InputError as error:
            problems.append(Problem(f"inclusion: {error}"))
    return [*problems, *contradictions(conditions)]


def _rules(definition: Definition) -> list[Problem]:
    """Look for rules that ask what they cannot be answered."""
    problems = []
    for name, rule in definition.labels.items():
        where, how = f"labels.{name}", f"stability = {rule.stability!r}"
        if rule.looks_ahead and not rule.outcomes:
            problems.append(Problem(f"{where}: {how} without outcomes", "say which outcome gives the label"))
        if rule.looks_ahead and not definition.ahead:
            problems.append(Problem(f"{where}: {how} without [ahead]", "give the ranks of the states and a horizon"))
        unranked = [state for state in rule.state if state not in definition.ranks]
        if rule.looks_ahead and definition.ahead and unranked:
            problems.append(Problem(f"{where}: {how}, and {listing(unranked)} has no rank", "rank it in ahead.ranks"))
        if rule.outcomes and not rule.looks_ahead:
            problems.append(Problem(f"{where}: outcomes with {how}", "nothing looks ahead: stability horizon or last"))
        if rule.changes is not None and not rule.looks_ahead:
            problems.append(
                Problem(f"{where}: changes with {how}", "changes are counted with stability horizon or last")
            )
        if rule.not_last and rule.stability != "horizon":
            problems.append(Problem(f"{where}: not_last with {how}", "it is asked with stability horizon"))
    return problems


def _overlaps(definition: Definition) -> list[Problem]:
    """Look for kept labels that one session could get both."""
    kept = [name for name in dict.fromkeys(definition.keep) if name in definition.labels]
    problems = []
    for one, other in combinations(kept, 2):
        a, b = definition.labels[one], definition.labels[other]
        apart = a.stability == b.stability and a.looks_ahead and not set(a.outcomes) & set(b.outcomes)
        if set(a.state) & set(b.state) and not apart:
            problems.append(Problem(f"keep: a session could be {one!r} and {other!r}", "keep one of them"))
    return problems


def _sentence(model: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    place = [str(step) for step in error["loc"]]
    where = ".".join(place)
    if error["type"] == "extra_forbidden":
        return Problem(f"there is no key {where}", did_you_mean(place[-1], _keys_at(model, place[:-1])))
    if error["type"] == "missing":
        return Problem(f"{where} is needed and was not given", "`fimbria cohort labels --show` prints a definition")
    message = str(error["msg"]).removeprefix("Input ")
    return Problem(f"{where} = {error['input']!r}: {message[:1].lower()}{message[1:]}")


def _keys_at(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Give the keys that fit at a place of the description."""
    kind: Any = model
    for step in place:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[step].annotation
        else:  # a table of parts by name, or a list of them by number
            inner = typing.get_args(kind)
            kind = inner[1] if typing.get_origin(kind) is dict else inner[0]
        optional = [part for part in typing.get_args(kind) if isinstance(part, type) and issubclass(part, BaseModel)]
        if type(None) in typing.get_args(kind) and optional:
            kind = optional[0]
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
