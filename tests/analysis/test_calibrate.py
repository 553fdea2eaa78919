"""The shipped truth gives the published verdicts, its effects lie where the estimates say, calibration is exact."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtb_eval.analysis.calibrate import CalibrationError, calibrate, make_synthetic, readings
from mtb_eval.analysis.calibration_targets import (
    Target,
    composite_targets,
    difference_targets,
    effect_targets,
    shift_targets,
)
from mtb_eval.analysis.care_effect import replica_design
from mtb_eval.analysis.model_data import model_data
from mtb_eval.analysis.true_effects import true_effects
from mtb_eval.analysis.verdicts import direction, verdict
from mtb_eval.data import Study, load_study
from mtb_eval.data.synthetic import load_truth, simulate_study, start_truth, study_from_raw
from mtb_eval.inference.estimate import Estimate
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.study import Claim, Outcome, Plan, load_plan

FULL = bool(os.environ.get("MTB_EVAL_FULL"))
ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "synthetic"
PUBLISHED = [
    ("asqse_social_communication", "significant", "better"),
    ("asqse_compliance", "significant", "better"),
    ("asqse_adaptive_functioning", "tendency", "better"),
    ("asqse_affect", "tendency", "better"),
    ("sdq_peer_problems", "tendency", "better"),
    ("asqse_total", "tendency", "better"),
    ("asqse_autonomy", "tendency", "worse"),
    ("in_education", "tendency", "better"),
    ("too_few_contacts", "tendency", "better"),
    ("self_rated_health", "tendency", "worse"),
    ("partner_relationship", "tendency", "worse"),
    ("child_withdrawal_12m", "significant", "better"),
    ("employed", "no-difference", ""),
    ("sensitivity", "no-difference", ""),
    ("sensitivity_12m", "no-difference", ""),
    ("interaction_quality", "no-difference", ""),
    ("child_withdrawal", "no-difference", ""),
    ("epds_total", "no-difference", ""),
    ("asqse_total_12m", "no-difference", ""),
]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


@pytest.fixture(scope="module")
def study(plan: Plan) -> Study:
    return load_study(SHIPPED, plan)


@pytest.fixture(scope="module")
def small_plan() -> Plan:
    return load_plan(ROOT / "tests" / "data" / "fixtures" / "small")


def replica(study: Study, plan: Plan, outcome: Outcome) -> Estimate:
    design = replica_design(model_data(study, plan, outcome))
    return kenward_roger(fit_mixed(design.cross), design.contrast)


@pytest.mark.parametrize(("outcome", "tier", "way"), PUBLISHED)
def test_the_replica_gives_the_published_verdict(study: Study, plan: Plan, outcome: str, tier: str, way: str) -> None:
    declared = plan.outcome(outcome)
    e = replica(study, plan, declared)
    assert verdict(float(e.p), plan.verdicts) == tier
    assert not way or direction(float(e.estimate), declared.better) == way


def test_every_target_of_the_claims_is_met(study: Study, plan: Plan) -> None:
    found = (shift_targets(plan), effect_targets(plan), composite_targets(plan), difference_targets(plan))
    targets = [t for some in found for t in some]
    assert len(targets) > 40
    read = readings(study, plan, targets)
    assert [t.of for t, r in zip(targets, read, strict=True) if not t.low <= r <= t.high] == []


def test_the_published_withdrawal_effect_is_met_in_size(study: Study, plan: Plan) -> None:
    outcome = plan.outcome("child_withdrawal_12m")
    e, sd = replica(study, plan, outcome), model_data(study, plan, outcome).sd
    assert round(float(e.estimate), 2) == -0.17
    assert -0.53 <= e.estimate / sd <= -0.33
    assert abs(e.ci_low + 0.33) < 0.02
    assert abs(e.ci_high + 0.02) < 0.02


def test_estimates_lie_about_the_true_effects(study: Study, plan: Plan) -> None:
    """Within 3.5 standard errors each, and with a mean square near 1: chance, attrition and time apart."""
    implied = load_truth(SHIPPED / "truth.toml").implied
    outcomes = [o for o in plan.outcomes if o.sample != "register"]
    assert {o.id for o in outcomes} == set(implied)
    fits = {o.id: replica(study, plan, o) for o in outcomes}
    z = np.array([(float(e.estimate) - implied[name].effect) / float(e.se) for name, e in fits.items()])
    assert np.abs(z).max() < 3.5
    assert np.mean(z**2) < 2


def test_true_effects_are_those_of_the_truth_file_within_their_error(plan: Plan) -> None:
    truth = load_truth(SHIPPED / "truth.toml")
    again = true_effects(plan, replace(truth, seed=truth.seed + 1), n=1500)
    for name, known in truth.implied.items():
        error = np.hypot(known.mc_se, again[name].mc_se)
        assert abs(again[name].effect - known.effect) <= 4.5 * error, name
    moved = {name for name, known in truth.implied.items() if known.effect}
    assert moved == {*truth.effects, "asqse_total", "interaction_quality"}


def claim(**changes: object) -> Claim:
    empty = dict.fromkeys(Claim.__dataclass_fields__, "")
    return Claim(**{**empty, "low": None, "high": None, "measure": "wellbeing", "wave_months": "6", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("tier", "way"), [("significant", "better"), ("tendency", "worse")])
def test_any_plan_is_calibrated_to_its_claims(small_plan: Plan, tier: str, way: str) -> None:
    plan = replace(small_plan, claims=(claim(id="a", check="effect", verdict=tier, direction=way),))
    truth = calibrate(plan, start_truth(plan, n_mtb=60, n_control=40))
    study = study_from_raw(simulate_study(plan, truth, np.random.default_rng(truth.seed)), plan)
    e = replica(study, plan, plan.outcome("wellbeing"))
    assert verdict(float(e.p), plan.verdicts) == tier
    assert direction(float(e.estimate), "higher") == way
    assert np.sign(truth.effects["wellbeing"]) == np.sign(truth.implied["wellbeing"].effect)


def test_what_cannot_be_met_is_said(small_plan: Plan) -> None:
    impossible = claim(id="a", check="mean", low=8.999, high=9.0)
    plan = replace(small_plan, claims=(impossible,))
    with pytest.raises(CalibrationError, match=r"published statements are not met \(wellbeing_end\)"):
        calibrate(plan, start_truth(plan, n_mtb=60, n_control=40))


def test_no_effect_is_sought_where_none_is_published(small_plan: Plan) -> None:
    target = effect_targets(replace(small_plan, claims=(claim(check="effect", verdict="no-difference"),)))
    assert target == [
        Target(
            moves=("wellbeing",),
            reads="deviate",
            of="wellbeing",
            aim=pytest.approx(1.036, abs=1e-3),
            low=pytest.approx(-1.645, abs=1e-3),
            high=pytest.approx(1.645, abs=1e-3),
            always=False,
        )
    ]


def test_the_shipped_parameters_and_files_come_out_again(plan: Plan, tmp_path: Path) -> None:
    """In full all of it, byte for byte; in short one share and one effect, whose parameters do not need the others."""
    shipped = load_truth(SHIPPED / "truth.toml")
    if not FULL:
        some = calibrate(
            replace(plan, claims=tuple(c for c in plan.claims if c.id in ("B01", "E12"))), start_truth(plan)
        )
        assert some.effects == {"sdq_peer_problems": shipped.effects["sdq_peer_problems"]}
        assert some.scales["trauma_sexual_abuse"] == shipped.scales["trauma_sexual_abuse"]
        return
    make_synthetic(plan, tmp_path)
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (SHIPPED / file.name).read_bytes(), file.name
