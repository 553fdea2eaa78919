"""The plan: arms, waves, municipalities, outcomes, covariates, thresholds and verdict rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, Protocol, TypeVar

from mtb_eval.study.attrition_rule import AttritionRule
from mtb_eval.study.checklist import ChecklistItem
from mtb_eval.study.claim_rule import ClaimPowerRule
from mtb_eval.study.claims import Claim
from mtb_eval.study.deviations import Deviation
from mtb_eval.study.disclosure_rule import DisclosureRule
from mtb_eval.study.dose_rule import DoseDetail, VisitRule
from mtb_eval.study.economy_rule import EconomyRule
from mtb_eval.study.instruments import Instrument
from mtb_eval.study.placements_rule import PlacementsDetail
from mtb_eval.study.sources import Source, Variable
from mtb_eval.study.tables import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A care group; `code` is its value in the files."""

    id: Literal["mtb", "control"]
    code: str
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A round of measurement; `months` is the child's age (0: before birth)."""

    id: str
    months: int
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Municipality:
    """A cluster: when it was trained, and whether that was decided by lot."""

    code: str
    training_wave: int
    trained_on: date
    randomised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A pre-birth column that enters the models; `fill` says how the few missing values are met."""

    column: str
    label: Text
    fill: Literal["mean", "drop"] = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Families of whom an outcome is asked: those with `column` equal to `equals`."""

    id: str
    column: str
    equals: float
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One outcome at one wave; `column` + "_" + wave is where it stands in the families table.

    `baseline` is the same construct before birth where it was measured. `sample` says where it was measured.
    """

    id: str
    label: Text
    family: str
    wave: str
    column: str
    kind: Literal["continuous", "binary", "ordinal"]
    better: Literal["higher", "lower"]
    unit: Text
    sample: Literal["questionnaire", "video", "register"] = "questionnaire"
    baseline: str | None = None
    covariates: tuple[str, ...] | None = None
    population: str | None = None
    primary: bool = False
    status: Literal["confirmed", "inferred", "assumed"]
    source: str

    @property
    def variable(self) -> str:
        """The outcome's column in the families table."""
        return f"{self.column}_{self.wave}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFamily:
    """Outcomes corrected together for multiplicity and shown together."""

    id: str
    label: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRule:
    """Which visits count, the threshold, and the schedule a family was offered."""

    threshold: int
    comparison: Literal["at_least", "more_than"]
    families: tuple[str, ...]
    landmark_months: int
    profile_from: int
    profile_to: int
    programme_months: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRule:
    """The two-tier reading of a p-value and the method that decides it for the replica."""

    significant: float
    tendency: float
    decides: Literal["kenward_roger", "satterthwaite", "z"]
    p_disagreement: float
    status: Literal["confirmed", "inferred", "assumed"]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionRule:
    """The waves between which change is read, and the ratings' bounds."""

    from_wave: str
    to_wave: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRule:
    """Which outcome holds placements, to what age they count, and which published span is tested."""

    outcome: str
    months: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualCareRule:
    """The service code that says that nothing was given."""

    none_code: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRule:
    """The lot: municipalities drawn, and how many were trained in the first year."""

    n_first: int
    first_wave: int
    second_wave: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is declared about a study; every reference in it has been checked."""

    id: str
    title: Text
    summary: Text
    registration: str
    source: str
    recruited_from: date
    recruited_to: date
    minimum_age: int
    level: float
    calendar_df: int
    disclosure_threshold: int
    arms: tuple[Arm, ...]
    waves: tuple[Wave, ...]
    municipalities: tuple[Municipality, ...]
    covariates: tuple[Covariate, ...]
    populations: tuple[Population, ...]
    families: tuple[OutcomeFamily, ...]
    outcomes: tuple[Outcome, ...]
    variables: tuple[Variable, ...] = ()
    baseline_table: tuple[Covariate, ...] = ()
    dose: DoseRule | None = None
    dose_detail: DoseDetail | None = None
    visit_rule: VisitRule | None = None
    verdicts: VerdictRule
    interaction: InteractionRule | None = None
    placements: PlacementRule | None = None
    placements_detail: PlacementsDetail | None = None
    economy: EconomyRule | None = None
    usual_care: UsualCareRule | None = None
    lot: LotRule | None = None
    attrition: AttritionRule | None = None
    disclosure: DisclosureRule | None = None
    claim_power: ClaimPowerRule | None = None
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    claims: tuple[Claim, ...] = ()
    checklist: tuple[ChecklistItem, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    danish: Mapping[str, str] = field(default_factory=dict)

    def with_files(
        self, *, instruments: Mapping[str, Instrument], sources: tuple[Source, ...], claims: tuple[Claim, ...]
    ) -> Plan:
        """Return the plan with what its other files declare."""
        return replace(self, instruments=instruments, sources=sources, claims=claims)

    def outcome(self, outcome_id: str) -> Outcome:
        """Return an outcome by id; raises KeyError."""
        return _by_id(self.outcomes, outcome_id, "outcome")

    def wave(self, wave_id: str) -> Wave:
        """Return a wave by id; raises KeyError."""
        return _by_id(self.waves, wave_id, "wave")

    def population(self, population_id: str) -> Population:
        """Return a population by id; raises KeyError."""
        return _by_id(self.populations, population_id, "population")

    def source_of(self, role: str) -> Source | None:
        """Return the first source with that role, or None."""
        return next((s for s in self.sources if s.role == role), None)

    def waves_of(self, source: Source) -> list[str]:
        """Return the waves at which a source is asked: its own, or all where one file holds them."""
        return [source.wave] if source.wave else [w.id for w in self.waves]

    def arm(self, arm_id: str) -> Arm:
        """Return an arm by id; raises KeyError."""
        return _by_id(self.arms, arm_id, "arm")


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


def _by_id(items: tuple[N, ...], wanted: str, what: str) -> N:
    for item in items:
        if item.id == wanted:
            return item
    raise KeyError(f"no {what} {wanted!r} in the plan")
