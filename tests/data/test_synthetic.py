"""The generator: counts at any size, common random numbers, null studies, any plan, and what it refuses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from mtb_eval.data import check_study
from mtb_eval.data.synthetic import (
    ByArm,
    Truth,
    load_truth,
    null_truth,
    rescored,
    resized,
    save_truth,
    simulate_study,
    start_truth,
    study_from_raw,
    without_attrition,
    write_study,
)
from mtb_eval.data.synthetic.design import apportion
from mtb_eval.study import Plan, load_plan

FULL = bool(os.environ.get("MTB_EVAL_FULL"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan()


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth()


@settings(max_examples=30 if FULL else 4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n_mtb=st.integers(20, 300), n_control=st.integers(10, 150), seed=st.integers(0, 2**32 - 1))
def test_counts_are_met_exactly_at_any_size_and_seed(
    plan: Plan, truth: Truth, n_mtb: int, n_control: int, seed: int
) -> None:
    wanted = resized(truth, n_mtb=n_mtb, n_control=n_control)
    families = study_from_raw(simulate_study(plan, wanted, np.random.default_rng(seed)), plan).families
    mtb = families["mtb"] == 1
    assert (mtb.sum(), (~mtb).sum()) == (n_mtb, n_control)
    for prefix, counts in (("answered", wanted.answered), ("video", wanted.filmed)):
        for wave, count in counts.items():
            seen = families[f"{prefix}_{wave}"]
            assert (seen[mtb].sum(), seen[~mtb].sum()) == (count.mtb, count.control)
    placed = families["placed_out_of_home_m24"]
    assert (placed[mtb].sum(), placed[~mtb].sum()) == (wanted.placed.mtb, wanted.placed.control)
    assert families.loc[mtb, "left_on"].isna().sum() == wanted.n_retained
    assert (families.loc[mtb, "n_visits"] >= 45).sum() == wanted.n_at_threshold
    assert abs(families.loc[mtb, "n_visits"].mean() - 67) < 1.5 + 30 / n_mtb


def test_effects_move_answers_and_nothing_else(plan: Plan, truth: Truth) -> None:
    moved = replace(truth, effects={"sdq_peer_problems": -0.5, "in_education": 0.5})
    one, other = (simulate_study(plan, t, np.random.default_rng(1)) for t in (null_truth(truth), moved))
    changed = {name for name in one if not one[name].equals(other[name])}
    assert changed == {"questionnaire_24m"}
    a, b = one["questionnaire_24m"], other["questionnaire_24m"]
    items = {f"sdq{k:02d}" for k in plan.instruments["sdq_2_4"].scales[3].items}
    assert {c for c in a if not a[c].equals(b[c])} == items | {"education_now"}
    arm = one["families"].set_index("family_id")["arm"].reindex(a["family_id"]).to_numpy()
    assert not (a[list(items)] != b[list(items)])[arm == "Kontrol"].any().any()


def test_scores_made_in_short_are_those_made_in_full(plan: Plan, truth: Truth) -> None:
    study = study_from_raw(simulate_study(plan, truth, np.random.default_rng(5)), plan)
    raw = simulate_study(plan, truth, np.random.default_rng(5), roles=("questionnaire", "ratings"))
    assert set(raw) == {s.id for s in plan.sources if s.role in ("questionnaire", "ratings")}
    pd.testing.assert_frame_equal(rescored(study.families, raw, plan), study.families)


def test_the_null_study_is_rejected_at_its_level(plan: Plan, truth: Truth) -> None:
    """Two-sided t tests within municipalities, adjusted for time, on the child scales: 5 % within 4 MC errors."""
    wave = replace(plan, sources=tuple(s for s in plan.sources if s.id in ("families", "questionnaire_24m")))
    null = without_attrition(
        null_truth(replace(truth, attrition={}, participation={}, placement={}, questions={}, filmed={}))
    )
    scales = [o.variable for o in plan.outcomes if o.wave == "m24" and o.family == "child" and o.kind == "continuous"]
    rates = np.array([rejected(wave, null, scales, seed) for seed in range(600 if FULL else 50)])
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    assert error < 0.025
    assert abs(rates.mean() - 0.05) < 4 * error


def rejected(plan: Plan, truth: Truth, scales: list[str], seed: int) -> float:
    raw = simulate_study(plan, truth, np.random.default_rng([2018, seed]))
    register = raw["families"].assign(**dict.fromkeys(scales, np.nan))
    families = rescored(register, raw, plan)
    places = pd.get_dummies(families["municipality"]).to_numpy(dtype=float)
    time = (families["recruited_on"] - families["recruited_on"].min()).dt.days.to_numpy() / 365.25
    mtb = (families["arm"] == "MTB").to_numpy(dtype=float)
    return float(
        np.mean([p_value(families[s].to_numpy(), np.column_stack([mtb, places, time])) < 0.05 for s in scales])
    )


def p_value(y: np.ndarray, x: np.ndarray) -> float:
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    b, rss, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    variance = float(rss[0]) / (len(y) - rank) * np.linalg.pinv(x.T @ x)[0, 0]
    return float(2 * stats.t.sf(abs(b[0]) / np.sqrt(variance), len(y) - rank))


def test_an_effect_grows_with_visits(plan: Plan, truth: Truth) -> None:
    large = without_attrition(resized(truth, n_mtb=500, n_control=150))
    moved = replace(large, effects={"asqse_social_communication": -1.0}, below_threshold=0.2)
    register, *asked = (simulate_study(plan, t, np.random.default_rng(3)) for t in (moved, moved, null_truth(moved)))
    families = study_from_raw(register, plan).families
    with_effect, without = (rescored(families, raw, plan)["asqse_social_communication_m24"] for raw in asked)
    gain, mtb = with_effect - without, families["mtb"] == 1
    high = families["n_visits"] >= 45
    assert gain[mtb & high].mean() < 2.5 * gain[mtb & ~high].mean() < 0
    assert (gain[~mtb].dropna() == 0).all()


def test_another_plan_is_drawn_written_and_read(small_plan: Plan, tmp_path: Path) -> None:
    truth = start_truth(small_plan, n_mtb=40, n_control=25)
    raw = simulate_study(small_plan, truth, np.random.default_rng(2))
    formats = [{}, {"questionnaire": ".csv", "families": ".dta", "visits": ".xlsx"}]
    for k, suffixes in enumerate(formats):
        write_study(raw, small_plan, tmp_path / str(k), suffixes=suffixes)
        assert check_study(tmp_path / str(k), small_plan).empty
    study = study_from_raw(raw, small_plan)
    assert (study.families["mtb"].sum(), len(study.families)) == (40, 65)
    assert study.families["wellbeing_end"].between(0, 9).all()
    assert set(study.families.loc[study.families["mtb"] == 1, "municipality"]) == {"Ærø", "Åbenrå"}


def test_a_truth_is_read_as_it_was_written(truth: Truth, tmp_path: Path) -> None:
    save_truth(truth, tmp_path / "truth.toml")
    assert load_truth(tmp_path / "truth.toml") == truth


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effects": {"happiness": 1.0}}, "effects of the truth names 'happiness'"),
        ({"answered": {"m36": ByArm(mtb=1, control=1)}}, "answered of the truth names 'm36'"),
        ({"attrition": {"sdq_emotional": 1.0}}, "attrition of the truth names 'sdq_emotional'"),
        ({"filmed": {"m24": ByArm(mtb=184, control=20)}}, "filmed at m24 of the truth counts more families"),
        ({"n_left_control": 74}, "course of the truth counts more families"),
    ],
)
def test_an_impossible_truth_is_refused(plan: Plan, truth: Truth, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate_study(plan, replace(truth, **changes), np.random.default_rng(1))  # type: ignore[arg-type]


def test_mtb_needs_a_trained_municipality(plan: Plan, truth: Truth) -> None:
    late = tuple(replace(m, trained_on=plan.recruited_to.replace(year=2030)) for m in plan.municipalities)
    with pytest.raises(ValueError, match="no municipality is trained before recruitment ends"):
        simulate_study(replace(plan, municipalities=late), truth, np.random.default_rng(1))


def test_a_format_that_cannot_be_written_is_refused(plan: Plan, truth: Truth, tmp_path: Path) -> None:
    raw = simulate_study(plan, truth, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"\.pdf cannot be written"):
        write_study(raw, plan, tmp_path, suffixes={"visits": ".pdf"})


@given(st.integers(0, 500), st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_apportioned_numbers_sum_to_the_total_and_keep_their_share(total: int, weights: list[float]) -> None:
    w = np.array(weights)
    counts = apportion(total, w)
    assert counts.sum() == total
    if w.sum() > 0:
        assert (np.abs(counts - total * w / w.sum()) < 1 + 1e-9).all()
