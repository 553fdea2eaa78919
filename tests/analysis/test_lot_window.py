"""The lot window: exact size and coverage by enumeration, other programs, counts by hand, and refusals in words."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mtb_eval.analysis.lot_window import LOT_COLUMNS, RECEIPT_COLUMNS, lot_effects, lot_receipt, lot_window

DRAWN = ("K01", "K02", "K03", "K04", "K05", "K06", "K07")
LOTS = list(combinations(DRAWN, 4))


def _made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("design_study", Path(__file__).with_name("design_study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _made()


def with_lot(plan, first):
    """The plan had the lot fallen on `first`."""
    days = {2018: date(2018, 10, 1), 2019: date(2019, 10, 1)}
    waves = {m.code: 2018 if m.code in first else 2019 for m in plan.municipalities if m.randomised}
    changed = tuple(
        replace(m, training_wave=waves[m.code], trained_on=days[waves[m.code]]) if m.randomised else m
        for m in plan.municipalities
    )
    return replace(plan, municipalities=changed)


def window_families(sizes, y, *, first=DRAWN[:4], mtb=None):
    """Families of the drawn municipalities in the window; MTB where training came first."""
    municipality = np.repeat(DRAWN, sizes)
    received = np.isin(municipality, first).astype(float) if mtb is None else mtb
    return pd.DataFrame(
        {
            "municipality": municipality,
            "recruited_on": "2019-03-01",
            "mtb": received,
            "y_m24": y,
            "x": np.arange(len(municipality)) % 5,
        }
    )


def rows_of(families, plan):
    return lot_effects(made.study_of(families, plan), plan)


def studentised(y, first, municipality):
    """The t of first on y by statsmodels with clustered errors, no small-sample factor."""
    treat = np.isin(municipality, first).astype(float)
    codes = pd.factorize(municipality)[0]
    fit = sm.OLS(y, sm.add_constant(treat)).fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
    return fit.tvalues[1], fit.params[1]


SIZES = (7, 3, 8, 5, 6, 4, 2)


def test_p_and_estimate_against_statsmodels_over_all_lots():
    rng = np.random.default_rng(1)
    plan, y = made.small_plan(), rng.normal(size=sum(SIZES))
    municipality = np.repeat(DRAWN, SIZES)
    rows = rows_of(window_families(SIZES, y), plan)
    all_lots = np.array([studentised(y, first, municipality) for first in LOTS])
    t, b = studentised(y, DRAWN[:4], municipality)
    assert rows["p"].iloc[0] == np.mean(np.abs(all_lots[:, 0]) >= abs(t) * (1 - 1e-9))
    assert rows["p"].iloc[1] == np.mean(np.abs(all_lots[:, 1]) >= abs(b) * (1 - 1e-9))
    np.testing.assert_allclose(rows["estimate"][:2], b, rtol=1e-10)
    assert rows["n_lots"].tolist() == [35.0] * 3
    assert rows["p_min"].tolist() == [1 / 35] * 3


def test_one_family_in_each_municipality_against_scipy():
    y, plan = np.array([3.1, 0.2, 4.5, 1.7, -0.4, 0.9, 0.3]), made.small_plan()
    row = rows_of(window_families((1,) * 7, y), plan).iloc[1]
    expected = stats.permutation_test(
        (y[:4], y[4:]), lambda a, b: abs(a.mean() - b.mean()), alternative="greater", n_resamples=np.inf
    )
    assert row["p"] == pytest.approx(expected.pvalue, rel=1e-12)
    assert row["estimate"] == pytest.approx(expected.statistic, rel=1e-12)


@pytest.mark.parametrize("row", [0, 1])
def test_the_interval_ends_where_p_crosses_five_percent(row):
    rng = np.random.default_rng(4)
    plan, municipality = made.small_plan(), np.repeat(DRAWN, SIZES)
    first = np.isin(municipality, DRAWN[:4])
    y = rng.normal(size=sum(SIZES)) + 0.5 * first
    found = rows_of(window_families(SIZES, y), plan).iloc[row]
    assert np.isfinite([found["ci_low"], found["ci_high"]]).all()

    def p(tau):
        left = y - tau * first
        values = np.array([studentised(left, lot, municipality)[row] for lot in LOTS])
        return np.mean(np.abs(values) >= abs(studentised(left, DRAWN[:4], municipality)[row]) * (1 - 1e-9))

    for end, out in ((found["ci_low"], -1), (found["ci_high"], 1)):
        assert p(end + out * 1e-4) <= 0.05 < p(end - out * 1e-4)


def test_size_is_exact_and_coverage_at_least_nominal_whatever_lot_was_drawn():
    """With outcomes fixed, p <= k/35 for at most k of the 35 lots; the interval holds the truth for 34 of 35."""
    rng = np.random.default_rng(9)
    base, municipality = made.small_plan(), np.repeat(DRAWN, SIZES)
    shared = np.repeat(rng.normal(size=7), SIZES) + rng.exponential(size=sum(SIZES))
    p = {k: [] for k in range(3)}
    covered = np.zeros(3)
    for first in LOTS:
        plan = with_lot(base, first)
        null = rows_of(window_families(SIZES, shared, first=first), plan)
        moved = rows_of(window_families(SIZES, shared + 2 * np.isin(municipality, first), first=first), plan)
        for k in range(3):
            p[k].append(null["p"].iloc[k])
            covered[k] += moved["ci_low"].iloc[k] <= 2 <= moved["ci_high"].iloc[k]
    for values in p.values():
        counts = np.sort(np.rint(35 * np.array(values)))
        assert (counts >= np.arange(1, 36)).all()
    assert (covered >= 34).all()


def test_only_families_in_the_window_and_by_the_lot_decide():
    plan = made.small_plan()
    inside = window_families(SIZES, np.random.default_rng(2).normal(size=sum(SIZES)))
    outside = inside.assign(recruited_on=["2018-09-30", "2019-10-01"] * 17 + ["2018-09-30"], y_m24=50.0)
    elsewhere = inside.assign(municipality="K08", y_m24=-50.0)
    alone = rows_of(inside, plan)
    together = rows_of(pd.concat([inside, outside, elsewhere], ignore_index=True), plan)
    columns = ["estimate", "p", "ci_low", "ci_high", "n_first", "n_second", "n_mtb"]
    pd.testing.assert_frame_equal(alone.loc[:1, columns], together.loc[:1, columns])
    swapped = inside.assign(mtb=1 - inside["mtb"])
    pd.testing.assert_series_equal(alone["estimate"], rows_of(swapped, plan)["estimate"])


def test_adjusting_gives_the_coefficient_beside_covariates():
    plan = made.small_plan()
    inside = window_families(SIZES, np.random.default_rng(3).normal(size=sum(SIZES)))
    row = rows_of(inside, plan).iloc[2]
    first = np.isin(inside["municipality"], DRAWN[:4]).astype(float)
    fit = sm.OLS(inside["y_m24"], sm.add_constant(np.column_stack([first, inside["x"]]))).fit()
    assert bool(row["adjusted"])
    assert row["estimate"] == pytest.approx(fit.params.iloc[1], rel=1e-10)


def test_receipt_by_hand():
    plan = made.small_plan()
    received = np.r_[np.ones(6), 0, np.ones(16), np.zeros(11), 1]
    inside = window_families(SIZES, 0.0, mtb=received)
    table = lot_receipt(made.study_of(inside, plan), plan).set_index(["municipality", "lot_arm"])
    assert table.loc[("K01", "first"), ["n_families", "n_mtb"]].tolist() == [7, 6]
    assert table.loc[("", "first"), ["n_municipalities", "n_families", "n_mtb"]].tolist() == [4, 23, 22]
    assert table.loc[("", "second"), ["n_municipalities", "n_families", "n_mtb"]].tolist() == [3, 12, 1]
    assert table.loc[("", "second"), "share"] == pytest.approx(1 / 12)
    row = rows_of(inside.assign(y_m24=np.arange(35.0)), plan).iloc[0]
    assert row[["n_first", "n_second", "n_mtb", "n_control"]].tolist() == [23, 12, 23, 12]
    assert row[["received_first", "received_second"]].tolist() == [22 / 23, 1 / 12]


REFUSALS = [
    ({"recruited_on": "2021-01-01"}, "no family with this outcome"),
    ({"keep": DRAWN[:4]}, "training came second"),
    ({"keep": DRAWN[4:]}, "training came first"),
    ({"keep": ("K01", "K02", "K05", "K06")}, "1 of 35 lots would leave an arm empty"),
    ({"keep": ("K01", "K05", "K06")}, "5 of 35 lots"),
    ({"y_m24": 1.0}, "does not vary"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_too_few_families_are_a_row_that_says_why(change, message):
    plan, rng = made.small_plan(), np.random.default_rng(0)
    inside = window_families(SIZES, rng.normal(size=sum(SIZES)))
    change = dict(change)
    keep = change.pop("keep", DRAWN)
    rows = rows_of(inside[inside["municipality"].isin(keep)].assign(**change), plan)
    assert len(rows) >= 1
    assert rows["error"].str.contains(message).all()
    assert rows["estimate"].isna().all()


def test_small_arms_are_flagged():
    plan, rng = made.small_plan(), np.random.default_rng(0)
    rows = rows_of(window_families((9, 9, 9, 9, 1, 1, 1), rng.normal(size=39)), plan)
    assert rows["warning"].str.contains("fewer than 5 families").all()
    two = with_lot(replace(plan, lot=replace(plan.lot, n_first=1)), DRAWN[:1])
    kept = tuple(replace(m, randomised=m.code in ("K01", "K05")) for m in two.municipalities)
    rows = rows_of(window_families((9, 0, 0, 0, 9, 0, 0), rng.normal(size=18)), replace(two, municipalities=kept))
    assert rows["n_lots"].tolist() == [2.0] * 3
    assert "an arm is one municipality" in rows["error"].iloc[0]
    assert rows["warning"].iloc[1:].str.contains("nothing can be significant").all()
    assert rows["ci_open"].iloc[1:].all()
    assert rows["p"].iloc[1] == 1.0


def test_a_plan_without_a_lot_or_whose_municipalities_do_not_fit_it():
    plan = made.small_plan()
    inside = window_families(SIZES, np.arange(35.0))
    without = replace(plan, lot=None)
    assert list(rows_of(inside, without).columns) == list(LOT_COLUMNS)
    assert rows_of(inside, without).empty
    assert list(lot_receipt(made.study_of(inside, without), without).columns) == list(RECEIPT_COLUMNS)
    odd = replace(plan, lot=replace(plan.lot, n_first=3))
    assert rows_of(inside, odd)["error"].str.contains("draws 3 of 7").all()
    late = tuple(replace(m, trained_on=date(2020, 1, 1)) for m in plan.municipalities)
    with pytest.raises(ValueError, match="no window"):
        lot_window(replace(plan, municipalities=late))
