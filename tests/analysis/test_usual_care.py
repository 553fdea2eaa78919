"""Services and visits month by month: by hand on a few families, totals that add up, and missing registers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from mtb_eval.analysis.received import DAYS_PER_MONTH, usual_care
from mtb_eval.analysis.usual_care import SERVICES, VISITS, ServiceTables, family_contacts, services
from mtb_eval.data import Study, load_study
from mtb_eval.study import load_plan

PLAN = load_plan()
BORN = pd.Timestamp("2020-01-01")
NAMES = ("registered", "types", "start", "intensity", "totals")


@pytest.fixture(scope="module")
def shipped() -> Study:
    return load_study(Path(__file__).parents[2] / "data" / "synthetic", PLAN)


@pytest.fixture(scope="module")
def found(shipped: Study) -> ServiceTables:
    return services(shipped, PLAN)


def day(months: float) -> pd.Timestamp:
    return BORN + pd.Timedelta(days=round(months * DAYS_PER_MONTH))


def small() -> Study:
    """Two in MTB, five controls: one without registration, one registered with nothing, three served."""
    ids = [f"F{k}" for k in range(7)]
    families = pd.DataFrame(
        {
            "family_id": ids,
            "municipality": ["A", "B", "A", "B", "A", "B", "A"],
            "mtb": [1.0, 1, 0, 0, 0, 0, 0],
            "recruited_on": day(-3),
            "born_on": BORN,
        }
    )
    rows = [
        ("F3", "none", None, None, np.nan),
        ("F4", "group", day(-1), day(1), 4.0),
        ("F4", "relief", day(6), day(12), 2.0),
        ("F5", "group", day(2), None, 3.0),
        ("F6", "group", day(20), day(30), np.nan),
    ]
    register = pd.DataFrame(rows, columns=["family_id", "service", "began_on", "ended_on", "contacts_per_month"])
    register = register.astype({"began_on": "datetime64[us]", "ended_on": "datetime64[us]"})
    log = [("F0", day(m + 0.5), "held") for m in (-2, 0, 0, 5)] + [
        ("F1", day(3), "cancelled"),
        ("F1", day(9.2), "held"),
    ]
    visits = pd.DataFrame(log, columns=["family_id", "visited_on", "status"])
    nothing = pd.DataFrame()
    return Study(
        families=families, answers={}, ratings=nothing, visits=visits, placements=nothing, usual_care=register,
        costs=nothing, interviews=nothing, municipalities=nothing, missing=nothing, files={}, synthetic=True,
    )  # fmt: skip


def test_families_by_registration():
    r = services(small(), PLAN).registered.set_index("arm")
    columns = ["n", "registered", "without_service", "served", "unregistered"]
    assert r.loc["control", columns].tolist() == [5, 4, 1, 3, 1]
    assert r.loc["mtb", columns].tolist() == [2, 0, 0, 0, 2]


def test_services_by_type_by_hand():
    t = services(small(), PLAN).types.set_index("service")
    group = t.loc["group"]
    assert group[["n_services", "n_families", "n_before_birth", "n_after_birth", "n_open"]].tolist() == [3, 3, 1, 2, 1]
    assert group["share"] == 3 / 4
    assert group["start_median"] == pytest.approx(2, abs=0.03)
    assert group["contacts_median"] == 3.5
    assert group["n_contacts_unknown"] == 1
    assert t.loc["any", ["n_services", "n_families"]].tolist() == [4, 3]
    assert t.loc["relief", "months_median"] == pytest.approx(6, abs=0.05)


def test_months_by_hand():
    t = services(small(), PLAN).intensity
    control = t[t["contact"] == SERVICES].set_index("months_from")
    assert control["n"].tolist() == [4] * len(control)
    assert control.loc[-1, "contacts"] == pytest.approx(4 / 4, abs=0.04)
    assert control.loc[3, "contacts"] == pytest.approx(3 / 4, abs=0.04)
    assert control.loc[8, "contacts"] == pytest.approx((2 + 3) / 4, abs=0.04)
    assert control.loc[8, "share_any"] == 2 / 4
    assert control.loc[23, "contacts"] == pytest.approx(3 / 4)
    assert (control["n_unknown"] == 1).all()
    mtb = t[t["contact"] == VISITS].set_index("months_from")
    assert mtb.loc[0, ["contacts", "share_any"]].tolist() == [1, 0.5]
    assert mtb.loc[3, "contacts"] == 0
    assert mtb["contacts"].sum() == 5 / 2


def test_share_begun_is_of_those_registered():
    t = services(small(), PLAN).start.set_index("months")
    assert (t["of"] == 4).all()
    assert t.loc[[-1, 0, 3, 20, 21], "n"].tolist() == [0, 1, 2, 2, 3]


def test_totals_by_hand_and_by_another_program():
    made = small()
    t = services(made, PLAN).totals.set_index("arm")
    served = 2 * 4 + 6 * 2, 22 * 3
    assert t.loc["control", "estimate"] == pytest.approx(sum(served) / 4, rel=0.01)
    assert t.loc["mtb", "estimate"] == 2.5
    visits, given = family_contacts(made, PLAN)
    total = np.where(made.families["mtb"] == 1, visits, given)
    known = np.isfinite(total)
    fit = sm.OLS(total[known], sm.add_constant(made.families["mtb"].to_numpy()[known])).fit()
    assert t.loc["difference", "estimate"] == pytest.approx(fit.params[1])
    assert t.loc["difference", ["n_mtb", "n_control", "n_clusters"]].tolist() == [2, 4, 2]


def test_the_shipped_study_agrees_with_its_summary(shipped: Study, found: ServiceTables):
    summary = usual_care(shipped, PLAN).set_index("measure")
    control = found.registered.set_index("arm").loc["control"]
    assert control["registered"] == summary.loc["registered", "n"]
    assert control["without_service"] == summary.loc["no_service", "n"]
    every = found.types.set_index("service").loc["any"]
    assert every["n_after_birth"] == summary.loc["began_after_birth", "n"]
    assert every["months_median"] == pytest.approx(summary.loc["median_months", "value"])
    assert every["contacts_median"] == pytest.approx(summary.loc["median_contacts_per_month", "value"])
    mtb = shipped.families["mtb"] == 1
    mean = found.totals.set_index("arm").loc["mtb", "estimate"]
    assert mean == pytest.approx(shipped.families.loc[mtb, "n_visits"].mean(), rel=0.01)


def test_monthly_contacts_add_up_to_the_totals(shipped: Study, found: ServiceTables):
    visits, given = family_contacts(shipped, PLAN)
    for arm, contact, per_family in (("mtb", VISITS, visits), ("control", SERVICES, given)):
        rows = found.intensity[(found.intensity["arm"] == arm) & (found.intensity["contact"] == contact)]
        here = (shipped.families["mtb"] == (1.0 if arm == "mtb" else 0.0)).to_numpy() & np.isfinite(per_family)
        assert (rows["contacts"] * rows["n"]).sum() == pytest.approx(per_family[here].sum())


def test_row_order_does_not_matter(shipped: Study, found: ServiceTables):
    turned = replace(
        shipped,
        usual_care=shipped.usual_care.iloc[::-1].reset_index(drop=True),
        visits=shipped.visits.iloc[::-1].reset_index(drop=True),
    )
    again = services(turned, PLAN)
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(again, name))


def test_without_registers_there_are_columns_and_no_rows(shipped: Study):
    bare = services(replace(shipped, usual_care=pd.DataFrame(), visits=pd.DataFrame()), PLAN)
    for name in NAMES:
        table = getattr(bare, name)
        assert list(table.columns) == list(getattr(services(shipped, PLAN), name).columns)
    assert bare.registered.empty
    assert bare.intensity.empty
    no_rule = services(shipped, replace(PLAN, usual_care=None))
    assert no_rule.types.empty
    assert set(no_rule.intensity["contact"]) == {VISITS}
    assert no_rule.totals.set_index("arm").loc["difference", "error"] == "contacts are known in one arm only"


def test_columns_that_a_register_lacks_are_unknown():
    made = small()
    bare = replace(made, usual_care=made.usual_care[["family_id", "service"]])
    t = services(bare, PLAN)
    assert t.registered.set_index("arm").loc["control", "unknown_dates"] == 4
    assert t.types["start_median"].isna().all()
    assert t.intensity.loc[t.intensity["contact"] == SERVICES, "contacts"].eq(0).all()
    assert t.totals["warning"].str.startswith("4 services without").all()
    assert services(made, PLAN).totals["warning"].str.startswith("1 services without").all()
