"""Who took part: participant flow, training calendar, response by arm and wave."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from mtb_eval.data.families import Study
from mtb_eval.study import Plan

ARMS = {"mtb": 1.0, "control": 0.0}


def flow(study: Study, plan: Plan) -> pd.DataFrame:
    """Return the participant flow, municipalities and families; columns as in Results.flow."""
    rows = [*_municipality_steps(plan), *_family_steps(study, plan), *_video_steps(study, plan)]
    return pd.DataFrame(rows, columns=["step", "wave", "arm", "level", "reason", "n"])


def training(study: Study, plan: Plan) -> pd.DataFrame:
    """Return one row per municipality: when trained, and whom it recruited before and after."""
    families = study.families
    rows = []
    for m in plan.municipalities:
        here = families[families["municipality"] == m.code]
        control = here[here["mtb"] == 0]
        before = int((control["recruited_on"] < pd.Timestamp(m.trained_on)).sum())
        rows.append(
            {
                "municipality": m.code,
                "training_wave": m.training_wave,
                "trained_on": pd.Timestamp(m.trained_on),
                "randomised": m.randomised,
                "n_mtb": int((here["mtb"] == 1).sum()),
                "n_control": len(control),
                "n_control_before": before,
                "n_control_after": len(control) - before,
                "first_recruited": here["recruited_on"].min(),
                "last_recruited": here["recruited_on"].max(),
            }
        )
    return pd.DataFrame(rows)


def response(study: Study, plan: Plan) -> pd.DataFrame:
    """Return how many families answered or were filmed, by wave and arm, of all families of the arm."""
    rows = []
    for sample, column in (("questionnaire", "answered"), ("video", "video")):
        for wave in plan.waves:
            for arm, there in _seen(study, f"{column}_{wave.id}"):
                n, of = int(there.sum()), len(there)
                rows.append((sample, wave.id, wave.months, arm, n, of, n / of if of else float("nan")))
    return pd.DataFrame(rows, columns=["sample", "wave", "months", "arm", "n", "of", "share"])


def _seen(study: Study, column: str) -> Iterator[tuple[str, pd.Series]]:
    if column not in study.families or not study.families[column].any():
        return
    for arm, code in ARMS.items():
        yield arm, study.families.loc[study.families["mtb"] == code, column].astype(bool)


def _municipality_steps(plan: Plan) -> Iterator[tuple[str, str, str, str, str, int]]:
    drawn = [m for m in plan.municipalities if m.randomised]
    yield "randomised", "", "all", "municipalities", "", len(drawn)
    for year in sorted({m.training_wave for m in drawn}):
        yield "randomised", "", "all", "municipalities", str(year), sum(m.training_wave == year for m in drawn)
    added = [m for m in plan.municipalities if not m.randomised]
    for year in sorted({m.training_wave for m in added}):
        yield "added", "", "all", "municipalities", str(year), sum(m.training_wave == year for m in added)


def _family_steps(study: Study, plan: Plan) -> Iterator[tuple[str, str, str, str, str, int]]:
    families = study.families
    for arm, code in ARMS.items():
        here = families[families["mtb"] == code]
        yield "recruited", "", arm, "families", "", len(here)
        for wave in plan.waves:
            column = f"answered_{wave.id}"
            if column in here and families[column].any():
                yield "answered", wave.id, arm, "families", "", int(here[column].sum())
        yield from _losses(here, arm, plan.waves[-1].id)


def _losses(here: pd.DataFrame, arm: str, last: str) -> Iterator[tuple[str, str, str, str, str, int]]:
    if f"answered_{last}" not in here:
        return
    lost = here[~here[f"answered_{last}"].astype(bool)]
    reasons = lost["left_reason"].fillna("") if "left_reason" in lost else pd.Series("", index=lost.index)
    for reason, n in reasons.replace("", "not recorded").value_counts(sort=False).sort_index().items():
        yield "lost", last, arm, "families", str(reason), int(n)


def _video_steps(study: Study, plan: Plan) -> Iterator[tuple[str, str, str, str, str, int]]:
    for wave in plan.waves:
        for arm, there in _seen(study, f"video_{wave.id}"):
            yield "video", wave.id, arm, "families", "", int(there.sum())
