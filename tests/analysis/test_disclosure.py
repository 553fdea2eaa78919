"""Disclosure control of a real evaluation: nothing small is shown, and nothing small can be worked out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pandas.testing as pdt
import pytest
from scipy.optimize import OptimizeResult, linprog
from tests.analysis.disclosure_attack import given_away

from mtb_eval.analysis.disclosure import disclosed, disclosed_tables, released
from mtb_eval.analysis.disclosure_counts import Addition, Counts, Quantity, counts_of
from mtb_eval.analysis.disclosure_declared import Running, declared, unclassified
from mtb_eval.analysis.disclosure_protect import protected
from mtb_eval.analysis.evaluate import evaluate
from mtb_eval.analysis.results import Results
from mtb_eval.data import load_study
from mtb_eval.study import Plan, load_plan

KEPT = ("asqse_affect", "in_education", "placed_out_of_home")


@pytest.fixture(scope="module")
def plan() -> Plan:
    full = load_plan()
    assert full.attrition is not None
    fewer = replace(full.attrition, imputations=2, iterations=2)
    return replace(full, outcomes=tuple(o for o in full.outcomes if o.id in KEPT), attrition=fewer)


@pytest.fixture(scope="module")
def results(plan) -> Results:
    return evaluate(load_study("data/synthetic", plan), plan)


@pytest.fixture(scope="module", params=[5, 10])
def at_threshold(request, plan, results):
    chosen = replace(plan, disclosure_threshold=request.param)
    shown, suppressed = disclosed(results, chosen)
    return chosen, shown, suppressed


def test_every_table_and_column_is_classified(results):
    tables = results.named()
    assert {n: unclassified(n, f.columns) for n, f in tables.items() if unclassified(n, f.columns)} == {}
    assert set(declared().tables) == {*tables, "suppressed"}
    for name, frame in tables.items():
        rule = declared().tables[name]
        named = {*rule.n, *rule.count, *rule.share, *rule.mean, *rule.stat, *rule.quantile, *rule.of, *rule.people}
        assert named <= set(frame.columns), name


def test_no_quantity_has_two_values(plan, results):
    """A count declared to be the same in two tables is the same; but for the clashes of one declaration."""
    assert {q[0] for q in counts_of(results.named(), plan).clashes} <= {"analysed", "event", "recruited", "registered"}


def test_no_small_count_is_shown(at_threshold):
    plan, shown, _ = at_threshold
    counts = counts_of(shown.named(), plan)
    assert [q for q in counts.places if 0 < counts.values[q] < plan.disclosure_threshold] == []


def test_all_cells_of_a_quantity_are_shown_or_none(at_threshold, results):
    plan, shown, _ = at_threshold
    counts, seen = counts_of(results.named(), plan), _seen(shown)
    withheld = {n for n, rule in declared().tables.items() if rule.withheld}
    for quantity, places in counts.places.items():
        visible = {seen(p) for p in places if p[0] not in withheld}
        assert len(visible) <= 1, quantity


def test_no_attacker_can_solve_for_a_small_count(at_threshold, results):
    """With all shown counts and all declared additions, each small count keeps a range as wide as those under it."""
    plan, shown, _ = at_threshold
    ranges = _ranges(counts_of(results.named(), plan), _seen(shown), plan.disclosure_threshold)
    assert len(ranges) > 20
    assert [r for r in ranges if r[2] - r[1] < plan.disclosure_threshold - 1 - 1e-5] == []


def test_again_changes_nothing(at_threshold):
    plan, shown, _ = at_threshold
    again, suppressed = disclosed(shown, plan)
    assert len(suppressed) == 0
    for name, frame in shown.named().items():
        pdt.assert_frame_equal(frame, again.named()[name])


def test_proportions_give_no_small_count(at_threshold):
    plan, shown, _ = at_threshold
    rows = shown.baseline[shown.baseline["kind"] == "share"]
    for arm in ("mtb", "control"):
        yes = (rows[f"mean_{arm}"] * rows[f"n_{arm}"]).dropna().round()
        no = (rows[f"n_{arm}"] - yes).dropna()
        assert not [n for n in (*yes, *no) if 0 < n < plan.disclosure_threshold]


def test_steps_of_running_counts_are_not_small(at_threshold):
    plan, shown, _ = at_threshold
    for n in (shown.retention["n"].dropna(), shown.detail["service_start"]["n"].dropna()):
        assert all(abs(a - b) == 0 or abs(a - b) >= plan.disclosure_threshold for a, b in pairwise(n))


def test_nothing_of_single_families_leaves(at_threshold):
    _, shown, suppressed = at_threshold
    assert shown.training[["first_recruited", "last_recruited"]].isna().all(axis=None)
    assert len(shown.placement_times) == 0
    assert len(shown.detail["placement_incidence"]) == 0
    assert {"training", "placement_times"} <= set(suppressed.loc[suppressed["rule"] == "individual", "table"])


def test_results_on_placements_go_when_there_are_few(results, plan):
    strict = replace(plan, disclosure_threshold=6)
    shown, _ = disclosed(results, strict)
    assert shown.placements[["n_mtb_events", "estimate", "p"]].isna().all(axis=None)
    rows = shown.effects[shown.effects["outcome"] == "placed_out_of_home"]
    assert rows[["estimate", "ci_low", "p"]].isna().all(axis=None)
    assert (shown.claims.loc[shown.claims["id"].isin(["E15", "K03"]), "result"] == "cannot be tested").all()


def test_zero_is_shown(at_threshold):
    _, shown, _ = at_threshold
    assert (shown.detail["offer_receipt"]["n_mtb_before"] == 0).any()


def test_the_list_says_how_many_cells_were_lost(at_threshold, results):
    """The cells that a table lost are those that the list counts, but for claims, whose reason is put in words."""
    _, shown, suppressed = at_threshold
    for name, before in results.named().items():
        after = shown.named()[name]
        if name == "claims" or len(after) < len(before):
            continue
        lost = int((before.notna() & (before != "")).sum().sum() - (after.notna() & (after != "")).sum().sum())
        words = suppressed[(suppressed["table"] == name) & (suppressed["rule"] == "text")]["n_cells"].sum()
        verdicts = int(
            (before.filter(like="verdict").astype(str) != after.filter(like="verdict").astype(str)).sum().sum()
        )
        assert suppressed.loc[suppressed["table"] == name, "n_cells"].sum() == lost + words + verdicts, name


def test_what_is_new_is_withheld(plan, results):
    new = results.baseline.assign(new=7.0)
    shown, suppressed = disclosed_tables({"baseline": new, "unheard_of": results.baseline}, plan)
    assert len(shown["unheard_of"]) == 0
    assert shown["baseline"]["new"].isna().all()
    assert list(suppressed["rule"]).count("unclassified") == 2


def test_an_internal_report_has_all_and_the_list(plan, results):
    inside = released(results, plan, internal=True)
    for name, frame in results.named().items():
        pdt.assert_frame_equal(frame, inside.named()[name])
    pdt.assert_frame_equal(inside.detail["suppressed"], released(results, plan).detail["suppressed"])


def test_reasons_for_loss_are_protected_by_a_second_one():
    """73 = 32 answered + 5 declined + 4 moved + 32 not recorded: without the 4 it would follow, so the 5 goes too."""
    counts = _counts({"all": 73, "answered": 32, "declined": 5, "moved": 4, "unknown": 32})
    counts.parts(_q("all"), (_q("answered"), _q("declined"), _q("moved"), _q("unknown")))
    assert protected(counts, (), 5) == {_q("moved"), _q("declined")}


def test_all_but_few_is_not_shown():
    counts = _counts({"all": 73, "answered": 71})
    counts.parts(_q("all"), (_q("answered"),))
    assert protected(counts, (), 5) == {_q("answered")}


def test_two_small_counts_of_a_small_sum_are_not_enough():
    """1 + 1 = 2 gives both away though two are hidden; so a third goes."""
    counts = _counts({"all": 12, "a": 1, "b": 1, "c": 10})
    counts.parts(_q("all"), (_q("a"), _q("b"), _q("c")))
    assert protected(counts, (), 5) == {_q("a"), _q("b"), _q("c")}


def test_a_running_count_keeps_only_what_is_far_apart():
    counts = Counts()
    for month, n in enumerate((20, 18, 14, 14, 13)):
        counts.add(("in_care", (("months", str(month)),)), n, ("t", month, "n"))
    hidden = protected(counts, (Running(quantity="in_care", along="months"),), 5)
    kept = sorted(v for q, v in counts.values.items() if q not in hidden)
    assert all(b - a == 0 or b - a >= 5 for a, b in pairwise(kept))
    assert len(kept) >= 2


@pytest.mark.parametrize("seed", range(12))
def test_margins_never_give_a_cell_away(seed):
    """Random tables with both margins and the total: no small cell can be solved for."""
    counts = _margins(seed)
    hidden = protected(counts, (), 5)
    ranges = _ranges(counts, lambda p: counts.at[p] not in hidden, 5)
    assert [r for r in ranges if r[2] - r[1] < 4 - 1e-5] == []


@pytest.mark.parametrize("seed", range(3))
def test_where_a_range_cannot_be_found_more_is_hidden(seed, monkeypatch):
    found = protected(_margins(seed), (), 5)
    failed = OptimizeResult(status=4, x=None)
    monkeypatch.setattr("mtb_eval.analysis.disclosure_protect.milp", lambda *_, **__: failed)
    assert found < protected(_margins(seed), (), 5)


def _margins(seed: int) -> Counts:
    rng = np.random.default_rng(seed)
    table = rng.poisson(rng.choice([2.0, 6.0, 12.0], size=(4, 5)))
    counts = _counts({f"{i}-{j}": n for (i, j), n in np.ndenumerate(table)})
    for i in range(4):
        counts.add(_q(f"row {i}"), float(table[i].sum()), ("t", i, "row"))
        counts.parts(_q(f"row {i}"), tuple(_q(f"{i}-{j}") for j in range(5)))
    for j in range(5):
        counts.add(_q(f"column {j}"), float(table[:, j].sum()), ("t", j, "column"))
        counts.parts(_q(f"column {j}"), tuple(_q(f"{i}-{j}") for i in range(4)))
    return counts


def _q(name: str) -> Quantity:
    return "own", (("name", name),)


def _counts(values: dict[str, float]) -> Counts:
    counts = Counts()
    for k, (name, n) in enumerate(values.items()):
        counts.add(_q(name), float(n), ("t", k, "n"))
    return counts


def _seen(shown: Results):
    tables = {name: {c: frame[c].tolist() for c in frame} for name, frame in shown.named().items()}

    def seen(place) -> bool:
        name, row, column = place
        values = tables[name].get(column, [])
        return row < len(values) and bool(pd.notna(values[row]))

    return seen


def _ranges(counts: Counts, seen, threshold: int) -> list[tuple[Quantity, float, float]]:
    """Return each small count that is not shown with the least and greatest value it can have.

    The attacker knows the shown counts and every addition, that a hidden count is at least 1 (0 is shown) and that
    no number is negative.
    """
    known = {q for q, places in counts.places.items() if any(seen(p) for p in places)}
    found = []
    for additions in _groups(counts.additions, known):
        unknown = sorted({q for a in additions for q in (a.total, *a.parts)} - known)
        small = [q for q in unknown if 0 < counts.values[q] < threshold]
        matrix, right = np.zeros((len(additions), len(unknown))), np.zeros(len(additions))
        for i, a in enumerate(additions):
            for q, sign in ((a.total, 1.0), *((p, -1.0) for p in a.parts)):
                if q in known:
                    right[i] -= sign * counts.values[q]
                else:
                    matrix[i, unknown.index(q)] += sign
        bounds = [(1.0 if q in counts.places else 0.0, 1000.0) for q in unknown]
        for q in small:
            aim = np.array([float(u == q) for u in unknown])
            ends = [linprog(s * aim, A_eq=matrix, b_eq=right, bounds=bounds, method="highs") for s in (1.0, -1.0)]
            found.append((q, ends[0].fun, -ends[1].fun))
    return found


def _groups(additions: list[Addition], known: set[Quantity]) -> list[list[Addition]]:
    groups: list[tuple[set[Quantity], list[Addition]]] = []
    for a in additions:
        mine = {q for q in (a.total, *a.parts) if q not in known}
        if not mine:
            continue
        joined = [g for g in groups if g[0] & mine]
        groups = [g for g in groups if not g[0] & mine]
        groups.append((mine.union(*(g[0] for g in joined)), [a, *(x for g in joined for x in g[1])]))
    return [g[1] for g in groups]


def test_an_attacker_with_the_shown_tables_alone_finds_nothing(at_threshold, results):
    """Decimals times counts, differences of proportions, sums within rows and totals give no small count."""
    plan, shown, _ = at_threshold
    assert given_away(results.named(), shown.named(), plan.disclosure_threshold) == []


def test_the_attack_finds_what_is_not_hidden(results):
    raw = {n: results.named()[n] for n in ("lot_effects", "scale_quality", "attrition_responders", "placement_tests")}
    assert {found.split(":")[0] for found in given_away(raw, raw, 5)} == {*raw}


def test_who_knows_which_hidden_counts_are_small_is_left_a_choice():
    """Of 6 = 1 + 5 the 5 is seen not to be small, for what rests on it is shown; so a third count goes."""
    counts = _counts({"all": 14, "a": 1, "b": 5, "c": 8})
    counts.parts(_q("all"), (_q("a"), _q("b"), _q("c")))
    assert protected(counts, (), 5) == {_q("a"), _q("b"), _q("c")}
