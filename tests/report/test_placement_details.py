"""The details on placements, in words: counted from the rows, in both languages, also where there is little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mtb_eval.analysis.placements_data import REGISTER, REGISTRATION
from mtb_eval.report.edition import edition
from mtb_eval.report.figures.placement_tests import placement_tests
from mtb_eval.report.placement_values import FAMILIES, MUNICIPALITIES, sources, tally, with_p
from mtb_eval.report.sections.placements import placements
from mtb_eval.report.style import Absent, house_style


def changed(results, **tables):
    return replace(results, detail={**results.detail, **tables})


def only(results, source):
    """Return the results with one source of placements."""
    own = {
        k: f[f["source"] == source] if "source" in f else f.iloc[:0]
        for k, f in results.detail.items()
        if k.startswith("placement_")
    }
    return changed(results, **{**own, "placement_extract": results.detail["placement_extract"]})


def fold(section, name):
    return next(f for f in section.folds if f.id == name)


def test_tiers_are_counted_from_the_tests_that_decide(editions, results):
    one = editions["en"]
    rows = results.detail["placement_tests"]
    p = rows[(rows["source"] == REGISTRATION) & rows["code"].isin([*FAMILIES, *MUNICIPALITIES])]["p"]
    values = tally(one)
    assert values["n_tests"] == str(len(p))
    assert values["n_significant"] == str((p < 0.05).sum())
    assert values["n_tendency"] == str(((p >= 0.05) & (p < 0.10)).sum())
    assert values["n_neither"] == str((p >= 0.10).sum())
    assert (values["smallest"], values["largest"]) == (one.numbers.p(p.min()), one.numbers.p(p.max()))


def test_every_test_is_named_in_one_group_only():
    assert not set(FAMILIES) & set(MUNICIPALITIES)
    assert len({*FAMILIES, *MUNICIPALITIES}) == len(FAMILIES) + len(MUNICIPALITIES)


@pytest.mark.parametrize("language", ["en", "da"])
def test_each_detail_shows_its_rows(editions, results, language):
    section = placements(editions[language])
    shown = {t.id: t for f in section.folds for t in f.tables}
    assert all(len(line.cells) == len(t.columns) for t in shown.values() for line in t.lines)
    assert len(shown["placement-tests-families"].lines) == len(FAMILIES)
    assert len(shown["placement-tests-municipalities"].lines) == len(MUNICIPALITIES)
    detail = results.detail
    for table, source in (
        ("placement-changes-table", "placement_changes"),
        ("placement-fewest", "placement_fragility"),
        ("placement-later-table", "placement_confirmation"),
    ):
        assert len(shown[table].lines) == (detail[source]["source"] == REGISTRATION).sum()
    steps = detail["placement_incidence"]
    assert (
        len(shown["placement-incidence-table"].lines)
        == ((steps["events"] > 0) & (steps["source"] == REGISTRATION)).sum()
    )
    assert len(shown["placement-agreement"].lines) == 3
    assert len(shown["placement-extract"].lines) == len(detail["placement_extract"])


def test_sentences_hold_no_gap_and_no_missing_number(editions):
    for one in editions.values():
        section = placements(one)
        said = [*section.finding, *section.sure, *(p for f in section.folds for p in f.paragraphs)]
        assert all(t and "{" not in t and "nan" not in t.lower().split() for t in said)
        assert not any(t in ("", "\N{EN DASH}") for t in said)


def test_a_second_source_adds_a_column_of_p(editions, plan, results, provenance):
    two = fold(placements(editions["en"]), "placement-tests").tables[0]
    one = edition("en", plan, only(results, REGISTRATION), provenance)
    assert sources(editions["en"]) == [REGISTRATION, REGISTER]
    assert len(two.columns) == len(fold(placements(one), "placement-tests").tables[0].columns) + 1
    with house_style():
        assert "open" in placement_tests(editions["en"]).caption
        assert "open" not in placement_tests(one).caption


def test_a_register_extract_alone_is_not_held_against_anything(plan, results, provenance):
    one = edition("en", plan, only(results, REGISTER), provenance)
    found = fold(placements(one), "placement-sources")
    assert found.paragraphs == (one.say("psources.extract_only"),)
    assert [t.id for t in found.tables] == ["placement-extract"]


def test_without_a_finite_ratio_none_is_quoted(plan, results, provenance):
    counts = results.placements.assign(n_mtb_events=0)
    counts.loc[counts["measure"] == "risk ratio", ["estimate", "ci_high"]] = np.inf
    rows = results.detail["placement_tests"].copy()
    at = rows["code"] == "e-value"
    rows.loc[at, ["estimate", "ci_low"]] = np.nan
    rows.loc[at, "warning"] = "the risk ratio is not finite"
    rows.loc[rows["code"] == "cox", ["p", "estimate"]] = np.nan
    rows.loc[rows["code"] == "cox", ["code", "error"]] = ["", "an arm has no event"]
    one = edition("en", plan, replace(changed(results, placement_tests=rows), placements=counts), provenance)
    section = placements(one)
    assert any("there is no ratio" in t for t in section.finding)
    assert not any("\N{INFINITY}" in t for t in section.finding)
    assert one.say("pchanges.e_none") in fold(section, "placement-changes").paragraphs
    failed = fold(section, "placement-tests").tables[-1]
    assert failed.id == "placement-failures"
    assert failed.lines[0].cells[-1].text == "an arm has no event"


def test_hidden_counts_are_said_to_be_hidden(plan, results, provenance):
    hidden = results.placements.assign(n_mtb_events=np.nan, n_control_events=np.nan)
    one = edition("da", plan, replace(results, placements=hidden), provenance)
    assert placements(one).finding == (one.say("placements.hidden"),)


def test_steps_that_are_not_shown_are_not_taken_for_none(plan, results, provenance):
    steps = results.detail["placement_incidence"].copy()
    steps.loc[steps["months"] > 0, ["events", "cumulative"]] = np.nan
    one = edition("en", plan, changed(results, placement_incidence=steps), provenance)
    found = fold(placements(one), "placement-incidence")
    assert found.tables == ()
    assert len(found.paragraphs) == 2


def test_without_rows_details_and_figure_are_absent(plan, results, provenance):
    for detail in ({}, {name: pd.DataFrame() for name in results.detail}):
        one = edition("da", plan, replace(results, detail=detail), provenance)
        assert [f.id for f in placements(one).folds] == ["placement-times"]
        assert with_p(one) == []
        with house_style():
            assert isinstance(placement_tests(one), Absent)
