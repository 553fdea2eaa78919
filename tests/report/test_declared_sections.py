"""Methods, deviations, checklist and reproduction: made from the declarations, complete in both languages."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import pytest

from mtb_eval.report.document import Cell, Section
from mtb_eval.report.edition import Edition, edition
from mtb_eval.report.sections import SECTIONS
from mtb_eval.report.sections.checklist import checklist
from mtb_eval.report.sections.deviations import deviations
from mtb_eval.report.sections.methods import methods
from mtb_eval.report.sections.reproduce import reproduce
from mtb_eval.report.settings import rules, setting_value
from mtb_eval.study import load_plan

FULL = load_plan()


@pytest.fixture(scope="module", params=["en", "da"])
def one(request, results, provenance) -> Edition:
    return edition(request.param, FULL, results, provenance)


def words_of(section: Section) -> str:
    cells = [c.text + c.under for t in section.tables for line in t.lines for c in line.cells]
    cells += [c.text + c.under for f in section.folds for t in f.tables for line in t.lines for c in line.cells]
    return "\n".join([*section.finding, *section.bullets, *section.sure, *cells])


def test_every_section_that_the_checklist_names_is_in_the_report(one):
    made = {make(one).id for make in SECTIONS} | {"summary"}
    named = {s for item in FULL.checklist for s in item.sections}
    assert named <= made
    assert {f"checklist.section_{s}" for s in named} <= set(one.words.texts)


def test_the_checklist_shows_every_item_with_its_answer(one):
    table = checklist(one).tables[0]
    assert [line.anchor for line in table.lines] == [f"checklist-{i.id}" for i in FULL.checklist]
    for item, line in zip(FULL.checklist, table.lines, strict=True):
        assert bool(line.cells[3].href) == bool(item.sections)
        assert line.cells[2].under == (item.note.of(one.language) if item.note else "")


def test_a_study_without_checklist_or_deviations_says_so(one):
    bare = replace(one, plan=replace(FULL, checklist=(), deviations=()))
    assert checklist(bare).finding == (one.say("checklist.absent"),)
    assert deviations(bare).finding[0] == one.say("deviations.none")


def test_every_deviation_and_everything_assumed_is_listed(one):
    text = words_of(deviations(one))
    for deviation in FULL.deviations:
        assert deviation.why.of(one.language) in text
    for rule in rules(one):
        if rule.status in ("assumed", "inferred"):
            assert (FULL.danish[rule.source] if one.language == "da" else rule.source) in text
    for instrument in FULL.instruments.values():
        assert instrument.label.of(one.language) in text
    assert text.count(one.say("status.assumed")) >= 40


def test_confirmed_declarations_are_not_called_assumptions(one):
    listed = [line.cells[0].text for line in deviations(one).folds[0].tables[0].lines]
    confirmed = [o for o in FULL.outcomes if o.status == "confirmed"]
    assert confirmed
    for outcome in confirmed:
        assert f"{outcome.label.of(one.language)} ({one.wave(outcome.wave)})" not in listed


def test_every_setting_of_every_rule_has_a_label_in_both_languages(one):
    declared = [f.name for f in fields(FULL) if is_dataclass(getattr(FULL, f.name))]
    assert [r.name for r in rules(one)] == [n for n in declared if hasattr(getattr(FULL, n), "source")]
    missing = [
        key
        for rule in rules(one)
        for key in (f"rule_name.{rule.name}", *(f"setting.{rule.name}.{n}" for n, _ in rule.settings))
        if key not in one.words.texts
    ]
    assert missing == []


def test_methods_name_every_rule_and_setting(one):
    made = methods(one)
    table = next(f for f in made.folds if f.id == "settings").tables[0]
    assert len(table.lines) == sum(len(r.settings) for r in rules(one))
    text = words_of(made)
    seeds = [str(v) for r in rules(one) for n, v in r.settings if n == "seed"]
    assert seeds and all(s in text for s in seeds)
    assert str(FULL.disclosure_threshold) in text


def test_methods_of_a_plan_without_rules_leave_their_sentences_out(one):
    off = dict.fromkeys(
        ("dose", "dose_detail", "lot", "interaction", "placements", "placements_detail", "attrition", "economy"), None
    )
    bare = replace(one, plan=replace(FULL, **off, claim_power=None))
    assert len(methods(bare).bullets) == len(methods(one).bullets) - 8


def test_settings_are_written_in_the_edition_s_way(editions):
    for language, decimal, yes in (("en", "0.35", "yes"), ("da", "0,35", "ja")):
        assert setting_value(editions[language], 0.35) == decimal
        assert setting_value(editions[language], True) == yes
        assert setting_value(editions[language], 20241129) == "20241129"
        assert setting_value(editions[language], (0.35, 2)) == f"{decimal}; 2"
        assert setting_value(editions[language], "sensitivity_12m").lower().startswith(("parental", "forælder"))


def test_reproduction_names_every_seed_and_what_cannot_be_repeated(one):
    made = reproduce(one)
    assert "7" in made.finding[2] and "20241129" in made.finding[2]
    assert made.sure[0] == one.say("reproduce.not_synthetic")
    real = replace(one, provenance=replace(one.provenance, synthetic=False, seed=None))
    assert reproduce(real).sure[0] == one.say("reproduce.not_real")


def _sources(one: Edition) -> set[str]:
    """Return the source of everything that is declared with one, in English."""
    instruments = FULL.instruments.values()
    scales = [s for i in instruments for s in i.scales]
    cutoffs = [c for s in scales for c in s.cutoffs]
    return {x.source for x in (*rules(one), *instruments, *scales, *cutoffs, *FULL.outcomes, *FULL.variables)}


def _shown_sources(one: Edition) -> list[Cell]:
    section = deviations(one)
    tables = [*section.tables, *(t for f in section.folds for t in f.tables)]
    return [line.cells[2] for t in tables if t.id.startswith("assumed-") for line in t.lines]


def test_every_source_is_shown_in_the_language_of_the_report(one):
    shown = _shown_sources(one)
    allowed = {FULL.danish[s] for s in _sources(one)} if one.language == "da" else _sources(one)
    assert shown
    assert {cell.text for cell in shown} <= allowed
    assert {cell.lang for cell in shown} == {""}


def test_a_source_without_danish_is_shown_in_english_and_marked_as_such(one):
    shown = _shown_sources(replace(one, plan=replace(FULL, danish={})))
    assert {cell.text for cell in shown} <= _sources(one)
    assert {cell.lang for cell in shown} == ({"en"} if one.language == "da" else {""})


def test_danish_is_given_for_the_declared_sources_and_for_no_other(one):
    assert set(FULL.danish) == _sources(one)
