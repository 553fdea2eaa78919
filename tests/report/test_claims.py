"""The section on claims: every statement with its grade, chances at every size, honest about synthetic data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.example import empty_results

from mtb_eval.report.claim_values import claimed, power_values
from mtb_eval.report.document import Section
from mtb_eval.report.edition import Edition, edition
from mtb_eval.report.figures.claim_power import claim_power
from mtb_eval.report.sections.claims import claims
from mtb_eval.report.style import Absent


@pytest.fixture(scope="module", params=["en", "da"])
def one(request, editions) -> Edition:
    return editions[request.param]


@pytest.fixture(scope="module")
def section(one) -> Section:
    return claims(one)


def test_every_statement_is_a_line_with_its_grade_and_chance(one, section, plan):
    table = section.tables[0]
    assert [line.anchor for line in table.lines] == [f"claim-{c.id}" for c in plan.claims]
    for claim, line in zip(plan.claims, table.lines, strict=True):
        grade, chance = line.cells[-2:]
        assert bool(grade.text) == bool(chance.text) == (claim.kind == "effect")
    assert one.numbers.percent(0.31) in {line.cells[-1].text for line in table.lines}


def test_synthetic_data_are_named_as_calibrated_and_real_data_are_not(one, section):
    assert {"en": "synthetic and were calibrated", "da": "syntetiske og kalibreret"}[one.language] in section.notice
    real = replace(one, provenance=replace(one.provenance, synthetic=False))
    assert claims(real).notice == ""


def test_the_chance_table_has_a_column_for_each_declared_size(one, section, plan):
    declared, published = section.folds[0].tables
    assert len(declared.lines) == len(plan.outcomes)
    assert len(declared.columns) == 7 + len(plan.claim_power.effects) + 2
    assert len(published.lines) == 1
    first = declared.lines[-1].cells
    assert [c.text for c in first[7:10]] == [one.numbers.percent(s / 1.1) for s in plan.claim_power.effects]


def test_sentences_quote_the_rows(one, section):
    values = power_values(one)
    assert values["n_power"] == len(one.rows("claims", kind="effect"))
    assert values["low"] in section.finding[1]
    assert str(values["suggestive"]) in section.finding[2]
    assert values["n_differences"] == sum(c.difference for c in claimed(one))


def test_without_chances_the_claims_still_stand(one):
    results = replace(one.results, detail={})
    bare = edition(one.language, one.plan, results, one.provenance)
    table = {**bare.tables, "claims": tuple({**r, "power": float("nan")} for r in bare.rows("claims"))}
    made = claims(replace(bare, tables=table))
    assert len(made.finding) == 1
    assert made.figures == made.folds == ()
    assert len(made.tables[0].lines) == len(one.plan.claims)
    assert isinstance(claim_power(bare), Absent)


def test_without_claims_the_section_says_so(one):
    empty = edition(one.language, one.plan, empty_results(), one.provenance)
    assert claims(empty).finding == (one.say("absent.claims"),)
