"""Placements: published candidates, theorems, second sources, and studies with too little in them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.effects import deciding_row, effects
from mtb_eval.analysis.placements import placement_times, placements
from mtb_eval.analysis.placements_counts import poisson_rows, stratified_rows
from mtb_eval.analysis.placements_data import NO_DATA, TEST_COLUMNS, Placed
from mtb_eval.analysis.placements_detail import PlacementTables, placements_detail
from mtb_eval.analysis.placements_time import cox_rows, incidence_rows, log_rank_rows, restricted_mean_rows
from mtb_eval.data import Study, load_study
from mtb_eval.study import Plan, load_plan

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "reference"
SHIPPED = load_plan()
OUTCOME = SHIPPED.outcome(SHIPPED.placements.outcome)
VARIABLE = OUTCOME.variable
SIZES = (20, 18, 34, 13, 24, 18, 9, 15, 18, 14), (8, 7, 6, 5, 14, 11, 6, 7, 5, 4)


def plan(**changes: object) -> Plan:
    """The shipped plan with placements as its only outcome and few draws."""
    detail = replace(SHIPPED.placements_detail, draws=199)
    small = replace(
        SHIPPED, outcomes=(OUTCOME,), covariates=(), baseline_table=(), dose=None, claims=(), placements_detail=detail
    )
    return replace(small, **changes)


def study(mtb_events: int, control_events: int, *, sizes: tuple[tuple[int, ...], ...] = SIZES) -> Study:
    """183 and 73 families in ten municipalities; placements at spread-out ages, one to a municipality in turn."""
    codes = [m.code for m in SHIPPED.municipalities][: len(sizes[0])]
    place = np.concatenate([np.repeat(codes, s) for s in sizes])
    mtb = np.repeat([1.0, 0.0], [sum(sizes[0]), sum(sizes[1])])
    n = len(mtb)
    recruited = pd.Timestamp("2019-02-01") + pd.to_timedelta((np.arange(n) * 37) % 900, unit="D")
    families = pd.DataFrame(
        {
            "family_id": [f"F{i:03d}" for i in range(n)],
            "municipality": place,
            "mtb": mtb,
            "recruited_on": recruited,
            "born_on": recruited + pd.Timedelta(days=100),
            "left_on": pd.NaT,
            "left_reason": None,
            "mother_age": 20.0 + (np.arange(n) * 7) % 15,
            "calendar_years": (recruited - pd.Timestamp(SHIPPED.recruited_from)).days / 365.25,
        }
    )
    chosen = [_spread(np.flatnonzero(mtb == a), k) for a, k in ((1.0, mtb_events), (0.0, control_events))]
    rows = np.concatenate(chosen).astype(int)
    spells = pd.DataFrame({"family_id": families["family_id"].iloc[rows].to_numpy()})
    age = pd.to_timedelta(30 + (np.arange(len(rows)) * 61) % 600, unit="D")
    spells["placed_on"] = families["born_on"].iloc[rows].to_numpy() + age.to_numpy()
    families[VARIABLE] = families["family_id"].isin(spells["family_id"]).astype(float)
    return of(families, spells)


def of(families: pd.DataFrame, spells: pd.DataFrame, **more: object) -> Study:
    nothing = pd.DataFrame()
    names = ("ratings", "visits", "usual_care", "costs", "interviews", "municipalities", "missing")
    frames = dict.fromkeys(names, nothing)
    return Study(families=families, placements=spells, answers={}, files={}, synthetic=True, **{**frames, **more})


def _spread(rows: np.ndarray, k: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, k).astype(int)]


def row(tables: PlacementTables, measure: str, method: str = "") -> pd.Series:
    t = tables.tests
    found = t[(t["measure"] == measure) & t["method"].str.contains(method, regex=False)]
    assert len(found) == 1, found[["measure", "method"]]
    return found.iloc[0]


def values(r: pd.Series, *columns: str, digits: int = 3) -> list[float]:
    return [round(float(r[c]), digits) for c in columns]


@pytest.fixture(scope="module")
def published() -> PlacementTables:
    return placements_detail(study(5, 6), plan())


@pytest.mark.parametrize(
    ("events", "difference", "ratio", "fisher", "pearson"),
    [
        ((5, 6), [-0.055, -0.143, 0.000], [3.01, 1.00, 9.01], 0.081, 0.051),
        ((4, 5), [-0.047, -0.130, 0.003], [3.13, 0.93, 10.5], 0.124, 0.067),
        ((3, 4), [-0.038, -0.118, 0.0055], [3.34, 0.85, 13.1], 0.105, 0.089),
    ],
)
def test_the_candidates_for_the_published_sentence(events, difference, ratio, fisher, pearson):
    """methods.md 4.5, from the score equations by another program."""
    found = placements(study(*events), plan()).set_index(["measure", "method"])
    rd, rr = found.loc[("risk difference", "Miettinen-Nurminen score")], found.loc["risk ratio"].iloc[0]
    assert [rd["estimate"], rd["ci_low"], rd["ci_high"]] == pytest.approx(difference, abs=6e-4)
    assert values(rr, "estimate", "ci_low", digits=2) == ratio[:2]
    assert rr["ci_high"] == pytest.approx(ratio[2], rel=0.005)
    detail = placements_detail(study(*events), plan())
    assert round(row(detail, "test", "Fisher")["p"], 3) == fisher
    assert round(row(detail, "test", "Pearson")["p"], 3) == pearson


def test_every_analysis_of_the_specification_is_there(published):
    asked = {
        *("risk", "risk difference", "risk ratio", "two proportions", "penalised logistic", "modified Poisson"),
        *("primary linear model", "within strata", "permutation", "time at home", "log-rank", "hazard ratio"),
        *("competing events", "confounding", "misclassification", "unknown status"),
    }
    assert set(published.tests["analysis"]) == asked
    assert (published.tests["error"] == "").all()
    assert published.tests["code"].is_unique
    assert (published.tests["code"] != "").all()
    assert tuple(published.tests.columns) == TEST_COLUMNS
    assert round(row(published, "test", "Boschloo")["p"], 3) == 0.09


def test_the_first_table_agrees_with_the_detailed_one(published):
    first = placements(study(5, 6), plan())
    both = {
        ("risk difference", "Miettinen-Nurminen score"): row(published, "risk difference", "Miettinen"),
        ("risk ratio", "Miettinen-Nurminen score"): row(published, "risk ratio", "Miettinen"),
        ("test", "Fisher"): row(published, "test", "Fisher"),
        ("test", "Boschloo"): row(published, "test", "Boschloo"),
    }
    for (measure, method), detailed in both.items():
        short = first[(first["measure"] == measure) & (first["method"] == method)].iloc[0]
        np.testing.assert_allclose(short["p"], detailed["p"], rtol=1e-12)


def test_firth_without_covariates_adds_a_half_to_each_cell(published):
    expected = (6.5 * 178.5) / (5.5 * 67.5)
    assert row(published, "odds ratio", "profile interval, unadjusted")["estimate"] == pytest.approx(expected)


def test_modified_poisson_without_covariates_is_the_risk_ratio(published):
    found = row(published, "risk ratio", "modified Poisson, unadjusted")
    assert found["estimate"] == pytest.approx((6 / 73) / (5 / 183))
    assert found["df"] < 10


def test_the_linear_model_is_the_primary_row_of_the_effect_table():
    made, declared = study(5, 6), plan()
    primary = deciding_row(effects(made, declared), declared, OUTCOME.id, "primary")
    found = placements_detail(made, declared)
    cr2 = found.tests[(found.tests["analysis"] == "primary linear model")].iloc[0]
    for column in ("estimate", "se", "df", "p", "standardised"):
        assert cr2[column] == pytest.approx(primary[column], rel=1e-9)
    assert cr2["standardised"] > 0 > cr2["estimate"]
    assert cr2["std_low"] < cr2["standardised"] < cr2["std_high"]


def toy() -> Placed:
    with (REFERENCE / "mtbtoy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    event, mtb, time = (np.array([float(r[k]) for r in rows]) for k in ("placed", "treat", "time"))
    place = np.array([r["muni"] for r in rows])
    return Placed(
        event=event, mtb=mtb, municipality=place, block=place, covariates=np.empty((len(rows), 0)), names=(),
        months=time, leaving=np.full(len(rows), np.inf), until=24.0,
    )  # fmt: skip


def test_modified_poisson_of_the_toy_study_as_clubsandwich():
    """Usual care over MTB here, treat over control there: the sign of the log turns."""
    r = json.loads((REFERENCE / "made_glm_cr.json").read_text())["mtbtoy_poisson"]
    (found,) = poisson_rows(toy(), 0.95)
    assert np.log(found["estimate"]) == pytest.approx(-r["coef"][1], rel=1e-6)
    for column in ("se", "df", "p"):
        assert found[column] == pytest.approx(r["CR2"][column][1], rel=1e-5)
    assert [found["se"], found["df"], found["p"]] == pytest.approx([1.255710, 8.2894, 0.62004], rel=1e-5)


def test_time_of_the_toy_study_as_r():
    data, r = toy(), json.loads((REFERENCE / "made_survival.json").read_text())["toy"]
    mtb, control, difference, _ = restricted_mean_rows(data, 0.95)
    np.testing.assert_allclose([mtb["estimate"], mtb["se"]], r["area_mtb"])
    np.testing.assert_allclose([control["estimate"], control["se"]], r["area_control"])
    assert difference["estimate"] == pytest.approx(r["area_mtb"][0] - r["area_control"][0])
    (cox,) = cox_rows(data, 0.95)
    assert [np.log(cox["estimate"]), cox["se"]] == pytest.approx([-r["cox"]["coef"], r["cox"]["robust_se"]], rel=1e-6)
    rank = next(iter(log_rank_rows(data)))
    assert (rank["estimate"] / rank["se"]) ** 2 == pytest.approx(r["log_rank"]["chisq"])


def test_strata_of_the_toy_study_as_r():
    r = json.loads((REFERENCE / "made_exact.json").read_text())["mtbtoy_placed"]
    found = next(iter(stratified_rows(toy(), 0.95)))
    assert found["p"] == pytest.approx(r["p"], rel=1e-9)
    assert found["n_free"] == 3


def test_without_leaving_cumulative_incidence_is_the_share_placed():
    data = toy()
    data = replace(data, months=np.where(data.event == 1, data.months, 27.0))
    rows = list(incidence_rows(data, 0.95))
    for found, code in zip(rows, (1.0, 0.0), strict=False):
        early = (data.event == 1) & (data.months <= 24) & (data.mtb == code)
        n = (data.mtb == code).sum()
        share = early.sum() / n
        assert found["estimate"] == pytest.approx(share)
        assert found["se"] == pytest.approx(np.sqrt(share * (1 - share) / n))


def test_leaving_competes_and_a_placement_after_it_is_told():
    made = study(5, 6)
    families = made.families.copy()
    placed = families.index[families[VARIABLE] == 1][0]
    free = families.index[(families[VARIABLE] == 0) & (families["mtb"] == 0)][:4]
    families.loc[[placed, *free], "left_on"] = families["born_on"] + pd.Timedelta(days=1)
    families["left_reason"] = families["left_reason"].astype(object)
    families.loc[[placed, *free[:2]], "left_reason"] = "moved"
    families.loc[free[2:], "left_reason"] = "declined"
    found = placements_detail(of(families, made.placements), plan())
    mtb = row(found, "cumulative incidence, MTB")
    assert mtb["estimate"] == pytest.approx(4 / 183)
    assert "1 placements registered after" in mtb["warning"]
    gone = found.incidence[(found.incidence["cause"] == "moved or died") & (found.incidence["arm"] == "control")]
    assert gone["cumulative"].max() == pytest.approx(2 / 73)
    worst = found.tests[found.tests["method"] == "Manski bound, status unknown, moved or died"]
    assert worst["estimate"].tolist() == pytest.approx([5 / 183 - 8 / 73, 5 / 183 - 6 / 73])
    assert worst["warning"].str.contains("2 families").all()


def test_unknown_families_widen_the_bounds():
    made = study(5, 6)
    families = made.families.copy()
    none = families[families[VARIABLE] == 0]
    families.loc[[*none[none["mtb"] == 1].index[:3], *none[none["mtb"] == 0].index[:2]], VARIABLE] = np.nan
    found = placements_detail(of(families, made.placements), plan()).tests
    bounds = found[found["method"] == "Manski bound, status unknown"]
    assert bounds["estimate"].tolist() == pytest.approx([5 / 183 - 8 / 73, 8 / 183 - 6 / 73])
    assert (found["n_mtb"] == 180).all()
    assert (found["n_control"] == 71).all()


def test_fragility_goes_both_ways_and_agrees_with_the_table_of_changes(published):
    moves = published.fragility.set_index(["arm", "change"])["changed"]
    assert moves.loc[("control", "more placed")] == 1
    assert moves.loc[("mtb", "fewer placed")] == 1
    changes = published.changes
    for change, key in (
        ("unregistered in usual care", ("control", "more placed")),
        ("over-registered in MTB", ("mtb", "fewer placed")),
    ):
        rows = changes[(changes["change"] == change) & (changes["tier"] == "significant")]
        assert rows["changed"].min() == moves.loc[key]
    start = changes[changes["changed"] == 0]
    assert (start["tier"] == start["tier_before"]).all()
    assert start["p_fisher"].tolist() == pytest.approx([0.081241] * 4, abs=1e-6)
    empty = changes[(changes["change"] == "over-registered in MTB") & (changes["changed"] == 5)]
    assert np.isinf(empty["risk_ratio"].iloc[0])


def test_a_significant_table_has_fragility_too():
    found = placements_detail(study(4, 8), plan()).fragility
    assert (found["tier_before"] == "significant").all()
    assert found.set_index(["arm", "change"])["changed"].loc[("control", "fewer placed")] >= 1


def test_doubt_is_of_the_risk_ratio(published):
    rr = (6 / 73) / (5 / 183)
    assert row(published, "E-value")["estimate"] == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    assert row(published, "E-value")["ci_low"] == 1
    assert row(published, "relative registration")["estimate"] == pytest.approx(1 / rr)


def test_chances_of_confirmation_add_up(published):
    chances = published.confirmation
    four = chances[["significant", "tendency", "opposite", "neither"]]
    np.testing.assert_allclose(four.sum(axis=1), 1, atol=1e-9)
    fisher = chances[chances["test"] == "Fisher"].set_index(["scenario", "risks"])["significant"]
    assert fisher.loc[("another study of the same size", "one common risk")] < 0.05
    assert 0.4 < fisher.loc[("another study of the same size", "each arm its own")] < 0.5


def test_seeds_are_declared_and_row_order_does_not_matter(published):
    made = study(5, 6)
    again = placements_detail(of(made.families.iloc[::-1].reset_index(drop=True), made.placements), plan())
    left, right = published.tests, again.tests
    fixed = left["analysis"] != "permutation"
    for column in ("estimate", "p", "ci_low", "ci_high"):
        np.testing.assert_allclose(left.loc[fixed, column], right.loc[fixed, column], rtol=1e-8, atol=1e-9)
    same = placements_detail(made, plan())
    pd.testing.assert_frame_equal(published.tests, same.tests)


@pytest.mark.parametrize("events", [(0, 6), (5, 0), (0, 0)])
def test_an_arm_without_placements_gives_flagged_rows(events):
    found = placements_detail(study(*events), plan())
    assert set(found.tests["analysis"]) >= {"two proportions", "penalised logistic", "log-rank", "competing events"}
    errors = found.tests.set_index("analysis")["error"]
    assert "no finite" in errors["modified Poisson"] or "one value" in errors["modified Poisson"]
    assert "an arm has no event" in errors["hazard ratio"]
    assert np.isfinite(row(found, "test", "Fisher")["p"])
    if sum(events):
        firth = found.tests[found.tests["analysis"] == "penalised logistic"].iloc[0]
        assert np.isfinite(firth[["estimate", "p"]].astype(float)).all()
        assert np.isfinite(row(found, "risk difference", "Miettinen")[["ci_low", "ci_high"]].astype(float)).all()


def test_one_municipality_gives_flagged_rows():
    found = placements_detail(study(5, 6, sizes=((183,), (73,))), plan())
    errors = found.tests.set_index("analysis")["error"]
    for analysis in ("modified Poisson", "hazard ratio"):
        assert "at least 2 clusters" in errors[analysis]
    assert (found.tests["error"] != "").sum() >= 3
    stratified = row(found, "odds ratio", "within municipality (1 strata)")
    assert stratified["p"] == pytest.approx(row(found, "test", "Fisher")["p"])


def test_no_data_no_rule_and_one_arm():
    made = study(5, 6)
    unknown = replace(made, families=made.families.assign(**{VARIABLE: np.nan}), placements_from="nothing")
    found = placements_detail(unknown, plan())
    assert found.tests["error"].tolist() == [NO_DATA]
    assert found.fragility.empty
    bare = placements_detail(made, plan(placements=None, placements_detail=None))
    for name in ("tests", "incidence", "fragility", "changes", "confirmation", "agreement", "extract"):
        assert getattr(bare, name).empty
        assert list(getattr(bare, name).columns) == list(getattr(found, name).columns)
    alone = replace(made, families=made.families[made.families["mtb"] == 1].reset_index(drop=True))
    assert placements_detail(alone, plan()).tests["error"].tolist() == [NO_DATA]


def test_a_plan_without_details_still_has_the_tests():
    found = placements_detail(study(5, 6), plan(placements_detail=None))
    assert found.confirmation.empty
    assert found.changes.empty
    assert len(found.fragility) == 4
    assert not found.tests["method"].str.contains("adjusted for").any()


def test_times_use_the_declared_level_and_only_known_families():
    made = study(5, 6)
    wide, narrow = placement_times(made, plan()), placement_times(made, plan(level=0.5))
    inner = wide["events"] > 0
    assert (narrow.loc[inner, "ci_low"] > wide.loc[inner, "ci_low"]).all()
    families = made.families.copy()
    families.loc[families.index[families[VARIABLE] == 0][:3], VARIABLE] = np.nan
    fewer = placement_times(of(families, made.placements), plan())
    assert fewer.loc[fewer["arm"] == "mtb", "at_risk"].max() == 180


def test_the_shipped_study_has_both_sources():
    shipped = load_study(ROOT / "data" / "synthetic", SHIPPED)
    few = replace(SHIPPED, placements_detail=replace(SHIPPED.placements_detail, draws=99))
    found = placements_detail(shipped, few)
    assert set(found.tests["source"]) == {"registration", "register"}
    assert (found.tests["error"] == "").all()
    assert found.agreement["n"].tolist() == [256, 183, 73]
