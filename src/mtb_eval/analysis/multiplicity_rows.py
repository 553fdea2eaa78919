"""Many outcomes in one family: corrected p values, and the reading by what survives the correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.design_rows import joined
from mtb_eval.analysis.outcome_batches import Batch, Models, all_municipalities, batches
from mtb_eval.analysis.trust_rows import frame
from mtb_eval.analysis.verdicts import verdict
from mtb_eval.data.families import Study
from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.draws import Draws
from mtb_eval.inference.joint_wild import JointWild, joint_wild
from mtb_eval.inference.multiplicity import romano_wolf, sharpened_q
from mtb_eval.inference.ols import column_contrast, ols
from mtb_eval.study import Plan

Array = NDArray[np.float64]
Survival = Literal["survives", "unadjusted only", "neither", "not estimable"]

MULTIPLICITY_COLUMNS = (
    "outcome",
    "family",
    "wave",
    "n_family",
    "estimate",
    "p",
    "p_holm",
    "p_bh",
    "q_sharpened",
    "q_sharpened_all",
    "p_wild",
    "p_romano_wolf",
    "replica_p",
    "replica_p_holm",
    "verdict",
    "verdict_multiplicity",
    "replica_verdict",
    "replica_verdict_multiplicity",
    "direction",
    "n_clusters",
    "warning",
)


def multiplicity(
    study: Study, plan: Plan, tables: Mapping[str, pd.DataFrame], models: Models, draws: Draws | None
) -> pd.DataFrame:
    """Return one row per outcome: p before and after correction within its family, and both verdict schemes.

    `tables` holds "effects" and "outcomes". Holm, Benjamini-Hochberg and sharpened q (Anderson 2008) are of the primary
    CR2 p; `q_sharpened_all` over all outcomes. Romano-Wolf is of WCR31 t with the same sign for a municipality in all
    outcomes (NaN without `draws`). `verdict_multiplicity`: "survives" if Holm's p is below the plan's bound, else
    "unadjusted only" or "neither".
    """
    wild = _wild_p(study, plan, models, draws)
    table = _unadjusted(plan, tables).assign(
        p_wild=[wild[o.id][0] for o in plan.outcomes],
        p_romano_wolf=[wild[o.id][1] for o in plan.outcomes],
        warning=[joined(wild[o.id][2], _absent(models[o.id].n_clusters, study)) for o in plan.outcomes],
    )
    rows = ({str(k): v for k, v in row.items()} for row in _corrected(table).to_dict("records"))
    return frame((_read(row, plan) for row in rows), MULTIPLICITY_COLUMNS)


def survival(p: float, p_adjusted: float, significant: float) -> Survival:
    """Return how a p fares in its family: below the bound after correction, before it only, or not at all."""
    if not math.isfinite(p):
        return "not estimable"
    if p_adjusted < significant:
        return "survives"
    return "unadjusted only" if p < significant else "neither"


def primary_joint(batch: Batch, draws: Draws, labels: NDArray[np.str_]) -> JointWild:
    """Return the primary model's WCR31 statistics of a batch's outcomes with joint draws."""
    fit = ols(cross_products(batch.primary_columns(), batch.y, batch.municipality), collinear="drop")
    return joint_wild(fit, column_contrast(fit, 0), draws, labels)


def _unadjusted(plan: Plan, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    outcomes, effects = tables["outcomes"], tables["effects"]
    replica = effects[(effects["estimator"] == "replica") & effects["p_adjusted"].notna()]
    adjusted = replica.set_index("outcome")["p_adjusted"]
    return pd.DataFrame(
        {
            "outcome": outcomes["outcome"],
            "family": outcomes["family"],
            "wave": outcomes["wave"],
            "estimate": outcomes["primary_estimate"],
            "direction": outcomes["primary_direction"],
            "n_clusters": outcomes["n_clusters"].astype(float),
            "p": outcomes["primary_p"].astype(float),
            "p_holm": outcomes["p_holm"].astype(float),
            "p_bh": outcomes["p_bh"],
            "replica_p": outcomes["replica_p"].astype(float),
            "replica_p_holm": outcomes["outcome"].map(adjusted).astype(float),
        }
    )


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with what is worked out over a family, and the sharpened q over all outcomes."""
    tests, q = (pd.Series(math.nan, index=table.index) for _ in range(2))
    for _, rows in table.groupby("family", sort=False):
        p = rows["p"].to_numpy(dtype=float)
        tests.loc[rows.index], q.loc[rows.index] = float(np.isfinite(p).sum()), sharpened_q(p)
    everything = sharpened_q(table["p"].to_numpy(dtype=float))
    return table.assign(n_family=tests, q_sharpened=q, q_sharpened_all=everything)


def _read(row: Row, plan: Plan) -> Row:
    rule = plan.verdicts
    values = {k: float(row[k]) for k in ("p", "p_holm", "replica_p", "replica_p_holm")}  # type: ignore[arg-type]
    return {
        **row,
        "verdict": verdict(values["p"], rule),
        "verdict_multiplicity": survival(values["p"], values["p_holm"], rule.significant),
        "replica_verdict": verdict(values["replica_p"], rule),
        "replica_verdict_multiplicity": survival(values["replica_p"], values["replica_p_holm"], rule.significant),
    }


def _wild_p(study: Study, plan: Plan, models: Models, draws: Draws | None) -> dict[str, tuple[float, float, str]]:
    """Return WCR31 p, Romano-Wolf p and a warning by outcome id."""
    why = "" if draws else "there are too many municipalities to list all signs: pass a generator"
    found = dict.fromkeys((o.id for o in plan.outcomes), (math.nan, math.nan, why))
    if draws is None:
        return found
    joint: dict[str, tuple[float, float, Array]] = {}
    for batch in batches(study, plan.outcomes, models):
        try:
            drawn = primary_joint(batch, draws, all_municipalities(study))
        except FAILURES as failure:
            found |= {o.id: (math.nan, math.nan, str(failure)) for o in batch.outcomes}
            continue
        values = zip(drawn.t.tolist(), drawn.p.tolist(), drawn.drawn_t, strict=True)
        joint |= {o.id: v for o, v in zip(batch.outcomes, values, strict=True)}
    for family in plan.families:
        ids = [o.id for o in plan.outcomes if o.family == family.id and o.id in joint]
        found |= _stepped_down(ids, joint, exact=draws.exact) if ids else {}
    return found


def _stepped_down(
    ids: Sequence[str], joint: dict[str, tuple[float, float, Array]], *, exact: bool
) -> dict[str, tuple[float, float, str]]:
    adjusted = romano_wolf(np.array([joint[i][0] for i in ids]), np.stack([joint[i][2] for i in ids]), exact=exact)
    return {i: (joint[i][1], float(p), "") for i, p in zip(ids, adjusted, strict=True)}


def _absent(n_clusters: int, study: Study) -> str:
    total = len(all_municipalities(study))
    return f"families of {n_clusters} of {total} municipalities only" if n_clusters < total else ""
