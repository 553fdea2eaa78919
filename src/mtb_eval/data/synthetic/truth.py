"""The truth of a synthetic study: every parameter that the generator uses, readable from and written to TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mtb_eval.data.synthetic.toml_text import toml_text
from mtb_eval.study import Plan
from mtb_eval.study.tables import build, read_toml

VISITS_A_MONTH = 2.5
FEWEST_VISITS = 4  # held visits of an MTB family
START = Path(__file__).parent / "start.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByArm:
    """A count in each arm."""

    mtb: int
    control: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleTruth:
    """How the items of a scale are answered.

    `level` and `spread` are mean and standard deviation of an item in answer steps above the lowest (default: from
    the number of answers); `loading` is the correlation of an item's latent answer with the scale's latent score;
    `shift` moves the latent score at a wave, in its standard deviations, for both arms.
    """

    level: float | None = None
    spread: float | None = None
    loading: float = 0.6
    shift: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variances:
    """Where the latent scores vary: shares of the variance within municipalities, and what lies beside it.

    `family` is one factor shared by everything of a family, `instrument` one shared by the scales of an instrument,
    `scale` lasts over the waves, `wave` does not; the four sum to 1. `municipality_sd` and `calendar_slope` (a year,
    towards the worse) are in standard deviations of the latent score; `effect_cv` is the coefficient of variation
    of an effect between municipalities.
    """

    family: float = 0.15
    instrument: float = 0.25
    scale: float = 0.30
    wave: float = 0.30
    municipality_sd: float = 0.15
    calendar_slope: float = 0.05
    effect_cv: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """Usual care as registered among controls: families without registration, without a service, served late."""

    unregistered: int = 0
    without_service: int = 0
    after_birth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """An outcome's true mean effect on the treated in its own unit, with its Monte-Carlo standard error."""

    effect: float
    mc_se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Everything that a synthetic study is drawn from, apart from the plan (its id is `plan`) and a generator.

    Counts that are absent mean "all" (answers, videos, retention) or "none" (placements). `effects` are by outcome
    id in standard deviations of the latent score, in the direction of the score. The weights of `attrition`,
    `participation` and `placement` are on standardised predictors: "family" (the shared factor), "mother_age",
    "education" or a scale asked at the first wave. `below_threshold` is the share of an effect that families under
    the plan's visit threshold get, for the outcome families of the plan's dose rule. `questions` holds shares of
    the answers by column and wave; `factors` lets instruments share a factor. `implied` follows from the rest.
    """

    seed: int
    plan: str = ""
    n_mtb: int
    n_control: int
    notes: tuple[str, ...] = ()
    before_training: float = 0.75
    mean_visits: float = 67.0
    n_retained: int | None = None
    n_at_threshold: int | None = None
    n_left_control: int = 0
    below_threshold: float = 1.0
    missing_item: float = 0.006
    dont_know: float = 0.003
    double_coded: float = 0.25
    n_cost_municipalities: int | None = None
    placed: ByArm = ByArm(mtb=0, control=0)
    care: Care = Care()
    variances: Variances = Variances()
    municipality_share: Mapping[str, float] = field(default_factory=dict)
    answered: Mapping[str, ByArm] = field(default_factory=dict)
    filmed: Mapping[str, ByArm] = field(default_factory=dict)
    interviews: Mapping[str, int] = field(default_factory=dict)
    attrition: Mapping[str, float] = field(default_factory=dict)
    participation: Mapping[str, float] = field(default_factory=dict)
    placement: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, ScaleTruth] = field(default_factory=dict)
    questions: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    effects: Mapping[str, float] = field(default_factory=dict)
    implied: Mapping[str, Implied] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of families."""
        return self.n_mtb + self.n_control


def load_truth(path: str | Path | None = None) -> Truth:
    """Return the truth in a TOML file (default: the start values for Minding the Baby); raises PlanError."""
    file = START if path is None else Path(path)
    return build(Truth, read_toml(file), file.name)


def start_truth(plan: Plan, *, n_mtb: int = 160, n_control: int = 80) -> Truth:
    """Return the start values for a plan: those shipped if it is theirs, else general ones for so many families."""
    shipped = load_truth()
    if plan.id == shipped.plan:
        return shipped
    return Truth(
        seed=shipped.seed,
        plan=plan.id,
        n_mtb=n_mtb,
        n_control=n_control,
        mean_visits=max(round(VISITS_A_MONTH * plan.waves[-1].months), FEWEST_VISITS + 2),
        variances=shipped.variances,
    )


def save_truth(truth: Truth, path: str | Path) -> None:
    """Write a truth as TOML; `load_truth` returns an equal one."""
    Path(path).write_text(toml_text(truth), encoding="utf-8", newline="\n")


def null_truth(truth: Truth) -> Truth:
    """Return the same truth without any effect of the arm on an outcome; counts that were set by arm stay."""
    return replace(truth, effects={}, implied={})


def without_attrition(truth: Truth) -> Truth:
    """Return the same truth where every family answers and is filmed at every wave."""
    everyone = ByArm(mtb=truth.n_mtb, control=truth.n_control)
    return replace(truth, answered={}, filmed=dict.fromkeys(truth.filmed, everyone))


def resized(truth: Truth, *, n_mtb: int, n_control: int) -> Truth:
    """Return the truth for another number of families: every count keeps its share of its arm, rounded."""
    a, b = n_mtb / truth.n_mtb, n_control / truth.n_control
    retained = None if truth.n_retained is None else round(truth.n_retained * a)
    at_threshold = None if truth.n_at_threshold is None else round(truth.n_at_threshold * a)
    return replace(
        truth,
        n_mtb=n_mtb,
        n_control=n_control,
        n_retained=retained,
        n_at_threshold=at_threshold,
        n_left_control=round(truth.n_left_control * b),
        placed=_scaled(truth.placed, a, b),
        care=Care(
            unregistered=round(truth.care.unregistered * b),
            without_service=round(truth.care.without_service * b),
            after_birth=round(truth.care.after_birth * b),
        ),
        answered={w: _scaled(c, a, b) for w, c in truth.answered.items()},
        filmed={w: _scaled(c, a, b) for w, c in truth.filmed.items()},
    )


def _scaled(count: ByArm, mtb: float, control: float) -> ByArm:
    return ByArm(mtb=round(count.mtb * mtb), control=round(count.control * control))
