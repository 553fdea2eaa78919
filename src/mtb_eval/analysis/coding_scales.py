"""The scales themselves: do their items hang together, and do scores pile up at an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtb_eval.analysis.care_effect import FAILURES, Row
from mtb_eval.analysis.coding_ratings import rated_instruments, rated_scales
from mtb_eval.analysis.design_rows import joined
from mtb_eval.data.families import Study
from mtb_eval.data.score import scale_scores
from mtb_eval.inference.internal_consistency import cronbach_alpha, omega
from mtb_eval.study import Instrument, Plan, Scale

Array = NDArray[np.float64]

SCALE_COLUMNS = (
    *("instrument", "scale", "label_en", "label_da", "wave", "kind", "better", "n_items", "n", "n_complete"),
    *("alpha", "alpha_low", "alpha_high", "omega", "mean", "sd", "at_low", "at_high", "warning", "error"),
)
PILED_UP = 0.15
"""Share at an end from which a scale cannot tell people apart there: Terwee et al. (2007), a rule of thumb."""
FEWEST = 3


def scale_rows(study: Study, plan: Plan, *, level: float) -> Iterator[Row]:
    """Yield one row per scale and wave: alpha with Feldt's interval, omega, share at the lowest and highest score.

    Items after reversal and points. `n` families with the score, `n_complete` with every item (for alpha and omega).
    Video items are means over coders. 15 % at an end as a limit: Terwee et al. (2007),
    doi 10.1016/j.jclinepi.2006.03.012.
    """
    for instrument, wave, kind, answers in _answered(study, plan):
        points = _item_points(answers, instrument)
        for scale in rated_scales(instrument):
            column = f"{scale.id}_{wave}"
            if column in study.families:
                inside = _items(points, scale, level)
                ends = _ends(study.families[column].to_numpy(dtype=float), scale)
                yield {
                    **{"instrument": instrument.id, "scale": scale.id, "wave": wave, "kind": kind},
                    **{"label_en": scale.label.en, "label_da": scale.label.da, "better": scale.better},
                    **{**inside, **ends, "warning": joined(*(str(x.get("warning", "")) for x in (inside, ends)))},
                }


def _answered(study: Study, plan: Plan) -> Iterator[tuple[Instrument, str, str, pd.DataFrame]]:
    for source in plan.sources:
        if source.role == "questionnaire":
            for wave in [source.wave] if source.wave else [w.id for w in plan.waves]:
                for name in source.instruments if wave in study.answers else ():
                    yield plan.instruments[name], wave, "questionnaire", study.answers[wave]
    for instrument in rated_instruments(plan):
        for wave in (w.id for w in plan.waves) if "wave" in study.ratings else ():
            rated = study.ratings[study.ratings["wave"] == wave]
            if len(rated):
                yield instrument, wave, "video", rated


def _item_points(answers: pd.DataFrame, instrument: Instrument) -> tuple[Array, Array]:
    """Return item points (n, items) as they are and turned; several ratings of a video are averaged."""

    def of(turned: bool) -> Array:
        alone = tuple(_alone(k, instrument, turned=turned) for k in range(1, instrument.n_items + 1))
        points = scale_scores(answers.set_index("family_id"), replace(instrument, scales=alone))
        return points.groupby(level="family_id").mean().to_numpy(dtype=float)

    straight = of(turned=False)
    return straight, of(turned=True) if any(s.reversed_items for s in instrument.scales) else straight


def _alone(number: int, instrument: Instrument, *, turned: bool) -> Scale:
    """Return one item as a scale."""
    return Scale(
        id=f"i{number}",
        label=instrument.label,
        items=(number,),
        reversed_items=(number,) if turned else (),
        method="mean",
        better="higher",
        low=0.0,
        high=0.0,
        source="",
    )


def _items(points: tuple[Array, Array], scale: Scale, level: float) -> Row:
    straight, turned = points
    columns = [(turned if k in scale.reversed_items else straight)[:, k - 1] for k in scale.items]
    items = np.column_stack(columns)
    items = items[np.isfinite(items).all(axis=1)]
    found: Row = {"n_items": len(scale.items), "n_complete": len(items)}
    if len(scale.items) < 2:
        return {**found, "warning": "one item: no internal consistency"}
    varying = items[:, items.std(axis=0) > 0] if len(items) else items
    notes = f"{items.shape[1] - varying.shape[1]} items do not vary" if varying.shape[1] < items.shape[1] else ""
    try:
        alpha, low, high = cronbach_alpha(items, level=level)
        found |= {"alpha": alpha, "alpha_low": low, "alpha_high": high}
        found["omega"] = omega(items)
    except FAILURES as failure:
        missing = "omega" if "alpha" in found else "alpha and omega"
        return {**found, "warning": joined(notes, f"{missing} not computed: {failure}")}
    return {**found, "warning": notes}


def _ends(score: Array, scale: Scale) -> Row:
    known = score[np.isfinite(score)]
    if len(known) < FEWEST:
        return {"n": len(known), "error": f"fewer than {FEWEST} families have this score"}
    low, high = float(np.mean(known <= scale.low)), float(np.mean(known >= scale.high))
    notes = (f"{share:.0%} have the {end} possible score" for share, end in ((low, "lowest"), (high, "highest")))
    return {
        **{
            "n": len(known),
            "mean": float(known.mean()),
            "sd": float(known.std(ddof=1)),
            "at_low": low,
            "at_high": high,
        },
        "warning": joined(*(n for n, share in zip(notes, (low, high), strict=True) if share > PILED_UP)),
    }
