"""Sentences and verdict marks are made by rule from the rows, and only from them."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from mtb_eval.report.edition import edition, within_sentence
from mtb_eval.report.findings import change_counts, dose_counts, effect_counts, placement_values
from mtb_eval.report.flags import flags
from mtb_eval.report.participants import baseline_values, design_values, response_values
from mtb_eval.report.scale import standardised, turned
from mtb_eval.report.sections import SECTIONS, summary
from mtb_eval.report.verdicts import mark_of


def test_counts_of_verdicts_are_those_of_the_rows(editions, results):
    one = editions["en"]
    rows = one.main_outcomes()
    table = results.outcomes[results.outcomes["wave"] == one.main_wave.id]
    counts = effect_counts(one, rows)
    assert counts["n"] == len(table)
    for estimator in ("primary", "replica"):
        for verdict in ("significant", "tendency"):
            assert counts[f"{estimator}_{verdict}"] == int((table[f"{estimator}_verdict"] == verdict).sum())
    found = table["replica_verdict"].isin(["significant", "tendency"])
    kept = table["primary_verdict"].isin(["significant", "tendency"])
    assert counts["lost"] == int((found & ~kept).sum())


def test_change_is_counted_by_direction_not_by_sign(plan, results, provenance):
    change = results.change.assign(p=0.01, estimate=0.3, std=-0.5)
    one = edition("en", plan, replace(results, change=change), provenance)
    counts = change_counts(one)
    assert (counts["mtb_better"], counts["mtb_worse"]) == (0, 2)


@pytest.mark.parametrize(
    ("verdict", "direction", "mark"),
    [
        ("significant", "better", "►"),
        ("significant", "worse", "◄"),
        ("tendency", "better", "▻"),
        ("tendency", "worse", "◅"),
        ("no-difference", "better", "·"),
        ("not estimable", "none", "×"),
        ("", "", "×"),
    ],
)
def test_verdict_marks(verdict, direction, mark):
    assert mark_of({"primary_verdict": verdict, "primary_direction": direction}, "primary") == mark


def test_turning_an_interval_swaps_its_ends():
    assert turned(0.4, 0.1, 0.9, lower_better=True) == (-0.4, -0.9, -0.1)
    assert turned(0.4, 0.1, 0.9, lower_better=False) == (0.4, 0.1, 0.9)
    row = {"estimate": -2.0, "standardised": 0.5, "ci_low": -4.0, "ci_high": 1.0}
    assert standardised(row) == (0.5, -0.25, 1.0)
    value, low, high = standardised({**row, "estimate": 0.0, "standardised": 0.0})
    assert value == 0
    assert math.isnan(low + high)


def test_flags_follow_the_plan(editions):
    one = editions["en"]
    row = {"primary_df": 6.0, "primary_p": 0.04, "wild_p": 0.06, "flag": ""}
    assert flags(one, row) == {}
    assert list(flags(one, {**row, "wild_p": 0.09})) == ["b"]
    assert list(flags(one, {**row, "primary_df": 2.1})) == ["a"]
    assert flags(one, {**row, "flag": "something new"})["c"] == "something new"


def test_no_sentence_claims_more_than_its_tier(editions):
    """Without a significant row, no sentence says that something is significant in anyone's favour."""
    for one in editions.values():
        none = one.results.outcomes.assign(primary_verdict="no-difference", primary_p=0.5)
        quiet = edition(one.language, one.plan, replace(one.results, outcomes=none), one.provenance)
        points = " ".join(p.text for p in summary(quiet).points)
        assert quiet.say("summary.better", items="")[:20] not in points
        effects = next(s(quiet) for s in SECTIONS if s.__name__ == "effects")
        assert not any(
            text.startswith(quiet.say("effects.significant_better", items="")[:20]) for text in effects.finding
        )
        assert quiet.tiers in effects.finding


def test_every_section_keeps_the_order_and_says_how_sure_it_is(editions):
    for one in editions.values():
        made = [section(one) for section in SECTIONS]
        assert len({s.id for s in made}) == len(made)
        for section in made:
            assert section.finding
            assert section.sure or section.id in ("methods", "reproduce")


def test_values_in_words(editions):
    en, da = editions["en"], editions["da"]
    assert design_values(en)["n_families"] == "256"
    assert response_values(da)["questionnaire_mtb"].startswith("75")
    assert placement_values(en)["ratio"] == "3.1"
    assert placement_values(da)["ratio"] == "3,1"
    assert baseline_values(en)["n"] == len(en.results.baseline)
    assert dose_counts(en)["n"] == 2


def test_labels_within_a_sentence():
    assert [within_sentence(t) for t in ("Usual care", "MTB", "EPDS score", "")] == [
        "usual care",
        "MTB",
        "EPDS score",
        "",
    ]


def test_dose_is_told_as_description(editions):
    one = editions["en"]
    text = " ".join(next(s(one) for s in SECTIONS if s.__name__ == "dose").finding).lower()
    assert "families with at least 45 visits" in text
    assert not any(word in text for word in ("lead to", "cause", "effect of", "because of"))


def test_an_unbounded_interval_is_written_and_drawn(plan, results, provenance):
    outcomes = results.outcomes.assign(primary_std_low=-math.inf, primary_std_high=math.inf)
    one = edition("en", plan, replace(results, outcomes=outcomes), provenance)
    effects = next(s(one) for s in SECTIONS if s.__name__ == "effects")
    assert any("−∞ to ∞" in cell.text for line in effects.tables[0].lines for cell in line.cells)


def test_frames_are_not_changed(plan, results, provenance):
    before = results.outcomes.copy()
    one = edition("en", plan, results, provenance)
    for section in SECTIONS:
        section(one)
    pd.testing.assert_frame_equal(results.outcomes, before)
