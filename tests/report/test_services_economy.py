"""Services and costs, in words: from the rows, in both languages, and with a warning where they say little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.economy_benefit import EVERYWHERE, FREE
from mtb_eval.analysis.usual_care import SERVICES, VISITS
from mtb_eval.report.economy_values import benefit_values, dkk, dkk_interval, even_values, rounded
from mtb_eval.report.edition import edition
from mtb_eval.report.figures.contacts import contacts
from mtb_eval.report.figures.economy import benefit, costs, plane
from mtb_eval.report.page import tables_of
from mtb_eval.report.sections.economy import economy
from mtb_eval.report.sections.services import services
from mtb_eval.report.service_values import contact_series, service_values
from mtb_eval.report.style import Absent, house_style


def changed(results, **tables):
    return replace(results, detail={**results.detail, **tables})


@pytest.mark.parametrize("language", ["en", "da"])
@pytest.mark.parametrize("make", [services, economy])
def test_sentences_hold_no_gap_and_tables_a_cell_for_each_column(editions, language, make):
    section = make(editions[language])
    said = [*section.finding, *section.sure, *(p for f in section.folds for p in f.paragraphs)]
    assert len(section.finding) == {"services": 3, "economy": 4}[section.id]
    assert all(t and "{" not in t and "nan" not in t.lower().split() and "\N{EN DASH}" not in t for t in said)
    tables = tables_of(section)
    assert all(len(line.cells) == len(t.columns) for t in tables for line in t.lines)
    assert len({t.id for t in tables}) == len(tables)


@pytest.mark.parametrize(
    ("value", "three"), [(180_721.0, 181_000), (2723.4, 2720), (-93_216, -93_200), (0.0, 0), (9.996, 10)]
)
def test_amounts_have_three_significant_digits(value, three):
    assert rounded(value) == three


def test_amounts_in_both_languages(editions):
    assert dkk(editions["en"], 1_671_234) == "1,670,000"
    assert dkk(editions["da"], 1_671_234) == "1.670.000"
    assert dkk(editions["en"], np.nan) == "\N{EN DASH}"
    assert dkk_interval(editions["en"], -np.inf, 240_512.0) == "\N{MINUS SIGN}\N{INFINITY} to 241,000"


def test_costs_are_those_of_the_rows(editions, results):
    one = editions["en"]
    known = results.detail["economy_municipalities"].dropna(subset="cost_per_family")
    finding = economy(one).finding[0]
    ends = known["cost_per_family"].min(), known["cost_per_family"].max()
    assert f"In the {len(known)} of {len(results.detail['economy_municipalities'])} municipalities" in finding
    assert all(dkk(one, v) in finding for v in ends)
    net = results.detail["economy_net_benefit"]
    most = net[(net["sample"] == EVERYWHERE) & (net["control_cost"] == FREE)].nlargest(1, "willingness").iloc[0]
    assert benefit_values(one)["chance"] == one.numbers.percent(most["chance"])
    middle = results.detail["economy_break_even"].sort_values(["dkk_per_year", "years"]).iloc[4]
    assert even_values(one)["averted"] == f"{middle['averted_per_100']:.1f}"
    assert even_values(one)["fewer"] == "5.5"
    assert even_values(one)["fewer_interval"] == "\N{MINUS SIGN}0.02 to 14.3"


def test_a_difference_is_never_called_an_effect_without_a_condition(editions):
    said = " ".join(
        (*economy(editions["en"]).finding, *(p for f in economy(editions["en"]).folds for p in f.paragraphs))
    )
    assert "it is not known to be due to MTB" in said
    assert "If that difference is the effect of MTB" in said


def test_few_municipalities_with_costs_are_flagged(plan, results, provenance):
    rows = results.detail["economy_summary"].assign(df=2.0)
    few = edition("en", plan, changed(results, economy_summary=rows), provenance)
    assert any("says little" in t for t in economy(few).sure)
    usual = edition("en", plan, results, provenance)
    assert not any("says little" in t for t in economy(usual).sure)


def test_one_municipality_with_costs_gives_no_interval(plan, results, provenance):
    places = results.detail["economy_municipalities"].copy()
    places.loc[1:, "cost_per_family"] = np.nan
    rows = results.detail["economy_summary"].assign(df=0.0, ci_low=np.nan, ci_high=np.nan)
    one = edition("en", plan, changed(results, economy_municipalities=places, economy_summary=rows), provenance)
    assert economy(one).finding[0].startswith("Only one of")
    with house_style():
        assert not isinstance(costs(one), Absent)


def test_the_title_of_net_benefit_says_what_its_interval_allows(plan, results, provenance):
    rows = results.detail["economy_net_benefit"]
    for shift, key in ((0.0, "open"), (1e6, "above"), (-1e6, "below")):
        moved = rows.assign(**{c: rows[c] + shift for c in ("estimate", "ci_low", "ci_high")})
        one = edition("en", plan, changed(results, economy_net_benefit=moved), provenance)
        with house_style():
            assert benefit(one).title == one.say(f"benefit.title_{key}", **benefit_values(one))


def test_contacts_are_those_of_the_months(editions, results):
    rows = results.detail["service_intensity"]
    values = service_values(editions["en"])
    for arm, kind in (("mtb", VISITS), ("control", SERVICES)):
        own = rows[(rows["arm"] == arm) & (rows["contact"] == kind)]
        assert values[f"first_{arm}"] == f"{own[own['months_from'].between(0, 11)]['contacts'].mean():.1f}"
        assert values[f"second_{arm}"] == f"{own[own['months_from'] >= 12]['contacts'].mean():.1f}"
    assert [(a, c) for a, c, _ in contact_series(editions["en"])] == [("mtb", VISITS), ("control", SERVICES)]


def test_months_that_are_not_shown_are_gaps_and_not_averaged_over(plan, results, provenance):
    rows = results.detail["service_intensity"].copy()
    rows.loc[(rows["arm"] == "control") & (rows["months_from"] == 5), ["contacts", "share_any"]] = np.nan
    one = edition("en", plan, changed(results, service_intensity=rows), provenance)
    assert not any("first year" in t for t in services(one).finding)
    with house_style():
        drawn = contacts(one)
    line = drawn.figure.axes[2].lines[1].get_ydata()
    assert np.isnan(line[8])
    assert np.isfinite(line[:8]).all()


def test_services_of_both_arms_are_told_apart(plan, results, provenance):
    types = results.detail["service_types"]
    both = pd.concat([types, types.assign(arm="mtb")], ignore_index=True)
    months = results.detail["service_intensity"]
    beside = months[months["contact"] == SERVICES].assign(arm="mtb")
    registered = results.detail["service_registered"].copy()
    registered.loc[registered["arm"] == "mtb", "registered"] = 20.0
    tables = {
        "service_types": both,
        "service_intensity": pd.concat([months, beside]),
        "service_registered": registered,
    }
    one = edition("en", plan, changed(results, **tables), provenance)
    assert {line.cells[0].under for line in services(one).tables[0].lines} == {"MTB", "Usual care"}
    assert len(services(one).folds[-1].tables) == 3
    assert any("registered for 20 of 183 families only" in t for t in services(one).sure)


def test_without_registration_visits_stand_alone(plan, results, provenance):
    months = results.detail["service_intensity"]
    totals = results.detail["service_totals"]
    empty = {k: results.detail[k].iloc[:0] for k in ("service_registered", "service_types", "service_start")}
    tables = {
        **empty,
        "service_intensity": months[months["arm"] == "mtb"],
        "service_totals": totals[totals["arm"] == "mtb"],
    }
    one = edition("en", plan, changed(results, **tables), provenance)
    assert services(one).finding == (one.say("services.finding_unknown"),)
    with house_style():
        assert "not known" in contacts(one).title


def test_without_rows_sections_and_figures_are_absent(plan, results, provenance):
    for detail in ({}, {name: pd.DataFrame() for name in results.detail}):
        one = edition("da", plan, replace(results, detail=detail), provenance)
        for make in (services, economy):
            assert make(one).tables == () and make(one).folds == ()
            assert len(make(one).finding) == 1
        with house_style():
            assert all(isinstance(draw(one), Absent) for draw in (contacts, costs, plane, benefit))
