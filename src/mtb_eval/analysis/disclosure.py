"""Disclosure control: the results as they may leave the secure environment, and what was suppressed.

Counts of families, children, events, videos and visits from 1 to the plan's threshold less 1 are not shown, nor any
from which one could be worked out (analysis/disclosure_protect.py); 0 is shown. What rests on few families (means,
estimates, quantiles), what would reveal a hidden count (proportions, differences, tests of events), what is of single
families (days of events, first and last days, extreme values) and whatever is not classified is not shown either.
That a single answer or registration is missing is no characteristic of a family: such counts are hidden if they are
small, but not protected against subtraction. How often raters agree is of the raters and is shown. Whether one family
dominates a sum or a mean (costs, visits) cannot be told from results, which hold no families: that is not checked, and
whoever releases a report on few families with very different values must look at it in the data. Rules as in the guide
of the SACRO project to statistical output checking (2023, doi:10.5281/zenodo.10054629) and Hundepool et al. (2012),
doi:10.1002/9781118348239; Statistics Denmark's rules on the transfer of analysis results forbid microdata and ask for
sufficient control without a number, so the threshold is declared in the plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

import pandas as pd

from mtb_eval.analysis.disclosure_claims import chance_hidden, hidden_claims
from mtb_eval.analysis.disclosure_counts import counts_of
from mtb_eval.analysis.disclosure_declared import declared
from mtb_eval.analysis.disclosure_marks import Control, Marks, Sheet, marked
from mtb_eval.analysis.disclosure_protect import protected
from mtb_eval.analysis.results import Results
from mtb_eval.study import Plan

SUPPRESSED_COLUMNS = ("table", "column", "row", "rule", "n_cells", "why")
WITHHELD = "not shown: few families"
WHY = {
    "count": "a count under the threshold, or one from which such a count could be worked out",
    "rests": "rests on fewer families than the rule asks for, or would reveal a hidden count",
    "quantile": "too few families lie beyond it",
    "individual": "it is of single families",
    "text": "the sentence has a count that is hidden",
    "unclassified": "the column is not classified",
}
LONG = frozenset({"label_en", "label_da", "method", "statement_en", "statement_da", "published_en", "published_da"})
CHANCE = ("grade", "true_std", "power", "type_s", "type_m")
Row = dict[str, object]


def disclosed(results: Results, plan: Plan) -> tuple[Results, pd.DataFrame]:
    """Return the results as they may leave the secure environment, and what was suppressed.

    The second table has one row per table, row and rule: table, column (names, space between), row (its keys), rule
    ("count", "rests", "quantile", "individual", "text", "unclassified"), n_cells and why. It does not say which counts
    are small and which were hidden to protect them. Applied again, it changes nothing.
    """
    tables, suppressed = disclosed_tables(results.named(), plan)
    return _results(results, tables), suppressed


def disclosed_tables(tables: Mapping[str, pd.DataFrame], plan: Plan) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return the same for some of the results tables by name; what others would reveal is not known then."""
    log: list[Row] = []
    counts = counts_of(tables, plan)
    hidden = protected(counts, declared().running, plan.disclosure_threshold)
    events = {dict(q[1]).get("outcome", "") for q in hidden if q[0] == "event"}
    if plan.placements is not None and any(q[0] == "placed" for q in hidden):
        events.add(plan.placements.outcome)
    control = Control(counts=counts, hidden=hidden, plan=plan, outcomes=frozenset(events))
    shown = {name: _shown(name, frame, control, log) for name, frame in tables.items()}
    if "claims" in shown:
        shown["claims"] = _claims(shown["claims"], control, shown, log)
    return shown, pd.DataFrame(log, columns=list(SUPPRESSED_COLUMNS))


def released(results: Results, plan: Plan, *, internal: bool = False) -> Results:
    """Return the results for a report, with the table `suppressed`; an internal report shows all and lists it still."""
    shown, suppressed = disclosed(results, plan)
    kept = results if internal else shown
    return replace(kept, detail={**kept.detail, "suppressed": suppressed})


def _results(results: Results, tables: Mapping[str, pd.DataFrame]) -> Results:
    own = {f.name for f in fields(results)} - {"detail"}
    detail = {name: frame for name, frame in tables.items() if name not in own}
    return Results(**{name: tables[name] for name in own}, detail=detail)


def _shown(name: str, frame: pd.DataFrame, control: Control, log: list[Row]) -> pd.DataFrame:
    rule = declared().tables.get(name)
    if rule is None or rule.withheld:
        if len(frame):
            log.append(_entry(name, "all", "all", "unclassified" if rule is None else "individual", frame.size))
        return frame.iloc[:0]
    sheet = Sheet(name=name, frame=frame, values=control.counts.columns[name], rule=rule, control=control)
    changed = {c: m for c, m in marked(sheet).items() if _blanks(sheet.values[c], m)}
    log.extend(_entries(sheet, changed))
    return frame.assign(**{c: _blank(frame[c], m) for c, m in changed.items()})


def _blanks(values: Sequence[object], reasons: Sequence[str]) -> bool:
    return any(reasons) and any(r and not _empty(v) for v, r in zip(values, reasons, strict=True))


def _empty(value: object) -> bool:
    return (isinstance(value, str) and value in ("", WITHHELD)) or bool(pd.isna(value))  # type: ignore[call-overload]


def _blank(column: pd.Series, reasons: Sequence[str]) -> pd.Series:
    """Return a column without the cells that are not shown: missing, or words that say so."""
    mask = pd.Series([bool(r) for r in reasons], index=column.index)
    if pd.api.types.is_bool_dtype(column):
        return column.astype(object).mask(mask, None)
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64").mask(mask, math.nan)
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.mask(mask, pd.NaT)
    words = ["not estimable" if "verdict" in str(column.name) else WITHHELD if r == "text" else "" for r in reasons]
    said = [w if r and not _empty(v) else v for v, r, w in zip(column.tolist(), reasons, words, strict=True)]
    return pd.Series(said, index=column.index, dtype=column.dtype)


def _entries(sheet: Sheet, marks: Marks) -> Iterator[Row]:
    name, values = sheet.name, sheet.values
    for reason in ("individual", "unclassified"):
        whole = [c for c, reasons in marks.items() if reason in reasons]
        n_cells = sum(not _empty(v) for c in whole for v in values[c])
        if n_cells:
            yield _entry(name, " ".join(whole), "all", reason, n_cells)
        marks = {c: reasons for c, reasons in marks.items() if c not in whole}
    if not marks:
        return
    keys = [c for c in values if sheet.rule.kind(c) == "key" and c not in LONG]
    for k in range(len(sheet.frame)):
        found: dict[str, list[str]] = {}
        for column, reasons in marks.items():
            if reasons[k] and not _empty(values[column][k]):
                found.setdefault(reasons[k], []).append(column)
        row = ", ".join(f"{c} {_code(values[c][k])}" for c in keys if not _empty(values[c][k])) if found else ""
        for reason, columns in found.items():
            yield _entry(name, " ".join(columns), row, reason, len(columns))


def _code(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _entry(table: str, column: str, row: str, rule: str, n_cells: int) -> Row:
    return {"table": table, "column": column, "row": row, "rule": rule, "n_cells": n_cells, "why": WHY[rule]}


def _claims(claims: pd.DataFrame, control: Control, shown: Mapping[str, pd.DataFrame], log: list[Row]) -> pd.DataFrame:
    if claims.empty:
        return claims
    outcomes = shown["outcomes"]
    withheld = outcomes.loc[outcomes["primary_estimate"].isna() & outcomes["replica_estimate"].isna(), "outcome"]
    hit = pd.Series(hidden_claims(claims, control, frozenset(withheld)), index=claims.index)
    log.extend(_entry("claims", "found_en found_da value", f"id {i}", "rests", 3) for i in claims.loc[hit, "id"])
    said = {"found_en": "", "found_da": "", "value": math.nan, "result": "cannot be tested"}
    why = {"why_en": WITHHELD, "why_da": "vises ikke: få familier"}
    claims = claims.assign(**{c: claims[c].mask(hit, v) for c, v in {**said, **why}.items()})
    if "outcomes" not in claims:
        return claims
    lost = pd.Series(chance_hidden(claims, frozenset(withheld)), index=claims.index) & claims["true_std"].notna()
    log.extend(_entry("claims", " ".join(CHANCE), f"id {i}", "rests", len(CHANCE)) for i in claims.loc[lost, "id"])
    return claims.assign(**{c: claims[c].mask(lost, "" if c == "grade" else math.nan) for c in CHANCE})
