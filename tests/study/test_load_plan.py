"""The declarations load, agree with the published figures, and refuse what they cannot use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mtb_eval.study import DEFAULT_PLAN, PlanError, load_plan
from mtb_eval.study.load import family_columns


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "plan"
    shutil.copytree(DEFAULT_PLAN, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_municipalities_are_trained_as_published():
    plan = load_plan()
    drawn = [m for m in plan.municipalities if m.randomised]
    assert len(plan.municipalities) == 10
    assert len(drawn) == 7
    assert {m.training_wave for m in drawn} == {2018, 2019}
    added = sorted(m.training_wave for m in plan.municipalities if not m.randomised)
    assert added == [2019, 2020, 2020]


def test_every_claim_of_an_effect_has_an_outcome():
    plan = load_plan()
    measures = {o.column for o in plan.outcomes}
    effects = [c for c in plan.claims if c.kind == "effect"]
    assert len(effects) == 26
    assert {c.measure for c in effects} <= measures


def test_every_claim_names_a_rule_that_exists():
    from mtb_eval.analysis.claim_rules import RULES

    assert {c.check for c in load_plan().claims} <= {*RULES, "none"}


def test_asqse_areas_share_the_items_without_overlap():
    scales = load_plan().instruments["asqse2_24m"].scales
    areas = [i for s in scales if s.id != "asqse_total" for i in s.items]
    assert sorted(areas) == list(range(1, 32))
    turned = sorted(i for s in scales if s.id != "asqse_total" for i in s.reversed_items)
    total = next(s for s in scales if s.id == "asqse_total")
    assert turned == sorted(total.reversed_items)


def test_scale_ranges_follow_from_items_and_points():
    for instrument in load_plan().instruments.values():
        points = list(instrument.points.values()) or list(instrument.answers)
        for scale in instrument.scales:
            if scale.method == "any_of":
                continue
            n = len(scale.items) if scale.method == "sum" else 1
            assert scale.low == n * min(points), scale.id
            assert scale.high == n * (max(points) + instrument.concern_points), scale.id


def test_every_declaration_says_where_it_comes_from():
    plan = load_plan()
    assert all(o.source and o.status for o in plan.outcomes)
    assert all(s.source for i in plan.instruments.values() for s in i.scales)
    assert all(i.source and i.status for i in plan.instruments.values())


def test_columns_of_the_families_table_are_unique():
    columns = [c for c in family_columns(load_plan()) if c not in ("family_id", "municipality")]
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("plan.toml", 'id = "mtb-dk"', 'idd = "mtb-dk"', "unknown key 'idd'"),
        ("plan.toml", 'id = "mtb-dk"\n', "", "key 'id' is missing"),
        ("plan.toml", "level = 0.95", 'level = "high"', "float is needed"),
        ("plan.toml", "recruited_from = 2018-06-01", 'recruited_from = "June"', "a date is needed"),
        ("plan.toml", 'better = "lower"', 'better = "smaller"', "'smaller' is not one of higher, lower"),
        ("plan.toml", 'family = "child"', 'family = "children"', "family 'children' is not declared"),
        ("plan.toml", 'column = "asqse_total"', 'column = "asqse_sum"', "'asqse_sum_m24' is given by no source"),
        ("plan.toml", 'id = "asqse_affect"', 'id = "asqse_total"', "declared more than once"),
        ("plan.toml", 'code = "K02"', 'code = "K01"', "K01 declared more than once"),
        ("plan.toml", "[dose]\nthreshold = 45", "[dose]\nthreshold = true", "int is needed"),
        ("plan.toml", "[dose]", "[dose", "not valid TOML"),
        ("plan.toml", "n_first = 4", "n_first = 7", "n_first must lie between"),
        ("plan.toml", "risk_prior = [0.5, 0.5]", "risk_prior = [0.5]", "risk_prior needs two numbers"),
        ("plan.toml", '"calendar_years", "mother_age"]', '"weight"]', "covariate 'weight' is no column"),
        ("plan.toml", 'outcome = "asqse_total"', 'outcome = "none"', "economy: outcome 'none' is not declared"),
        ("sources.toml", 'instruments = ["cib"]', 'instruments = ["cip"]', "instrument 'cip' is not declared"),
        ("sources.toml", 'not_before = "recruited_on"', 'not_before = "born"', "which is not in the file"),
        ("sources.toml", 'role = "families"', 'role = "family"', "is not one of"),
        ("instruments/epds.toml", "items = [1, 2", "items = [11, 2", "outside the scale or the instrument"),
        ("instruments/epds.toml", "low = 0.0", "low = 31.0", "scale epds_total: low 31 is above high 30"),
        ("instruments/epds.toml", "min_answered = 8", "min_answered = 11", "the number of items (10)"),
        ("instruments/epds.toml", "min_answered = 8", "min_answered = 0", "min_answered 0 must lie between 1"),
        ("sources.toml", "low = 15, high = 55", "low = 55, high = 15", "mother_age has low 55 above high 15"),
        (
            "sources.toml",
            "[[variables]]",
            "[[variable]]",
            "sources.toml: unknown table 'variable'; allowed are sources",
        ),
        ("checklist.toml", "[[items]]", "[[item]]", "checklist.toml: unknown table 'item'; allowed are items"),
        ("deviations.toml", "[[deviations]]", "[[deviation]]", "unknown table 'deviation'; allowed are deviations"),
        ("instruments/epds.toml", "at = 7.0", 'at = "7"', "float is needed"),
        ("plan.toml", "level = 0.95", "level = 95.0", "level 95 must lie between 0 and 1"),
        ("plan.toml", "calendar_df = 3", "calendar_df = -1", "calendar_df -1 must be 0 or more"),
        ("plan.toml", "significant = 0.05", "significant = 0.5", "significant not above tendency"),
        ("claims.csv", ",47,46.5,47.5,", ',47,"46,5",47.5,', "row U01, low: a number with a decimal point"),
        ("claims.csv", "id,kind", "id,sort", "the columns must be"),
        ("claims.csv", "D02,design", "D01,design", "D01 declared more than once"),
    ],
)
def test_a_broken_declaration_is_one_clear_sentence(copied: Path, name: str, old: str, new: str, says: str):
    edit(copied, name, old, new)
    with pytest.raises(PlanError) as caught:
        load_plan(copied)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message.split("(at line", maxsplit=1)[0].strip()


def test_files_with_the_mark_that_windows_editors_write_are_read(copied: Path):
    for name in ("plan.toml", "claims.csv"):
        (copied / name).write_bytes(b"\xef\xbb\xbf" + (copied / name).read_bytes())
    assert load_plan(copied) == load_plan()


def test_claims_in_another_encoding_are_refused(copied: Path):
    (copied / "claims.csv").write_bytes((copied / "claims.csv").read_text(encoding="utf-8").encode("cp1252"))
    with pytest.raises(PlanError, match="not in UTF-8"):
        load_plan(copied)


def test_a_folder_without_a_plan_is_refused(tmp_path: Path):
    with pytest.raises(PlanError, match=r"plan\.toml: the file does not exist"):
        load_plan(tmp_path)
    with pytest.raises(PlanError, match="is not a folder"):
        load_plan(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["deviations", "checklist", "danish", "sources", "variables", "claims", "instruments"])
def test_what_has_a_file_of_its_own_is_refused_in_the_plan_file(copied, name):
    text = (copied / "plan.toml").read_text(encoding="utf-8")
    (copied / "plan.toml").write_text(f"{text}\n[{name}]\na = 1\n", encoding="utf-8")
    with pytest.raises(PlanError, match=f"plan.toml: '{name}' belongs in a file of its own"):
        load_plan(copied)
