"""What disclosure control took from a report: words for figures, counts by table and rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mtb_eval.report.edition import Edition
from mtb_eval.report.rows import Row, text
from mtb_eval.report.style import Absent, Drawing

FIGURE_TABLES: Mapping[str, tuple[str, ...]] = {
    "flow": ("flow",),
    "calendar": ("training",),
    "baseline": ("baseline",),
    "visits": ("visit_counts", "retention"),
    "contacts": ("service_intensity", "service_start"),
    "forest": ("outcomes", "effects"),
    "evidence": ("lot_effects", "instrument_effects"),
    "evidence-weights": ("control_sources",),
    "trust": ("grades", "outcomes"),
    "trust-curve": ("specifications",),
    "trust-placebo": ("baseline_placebo",),
    "trust-spread": ("effect_spread",),
    "change": ("change",),
    "agreement": ("coder_reliability",),
    "growth": ("wave_differences",),
    "trajectories": ("trajectories",),
    "dose": ("effects",),
    "dose-bins": ("dose_bins",),
    "dose-profile": ("dose_profile",),
    "dose-course": ("dose_curve",),
    "placements": ("placements", "placement_times"),
    "placement-tests": ("placement_tests",),
    "response": ("response",),
    "attrition": ("attrition_analyses", "attrition_bounds"),
    "tipping": ("attrition_grid",),
    "costs": ("economy_municipalities",),
    "plane": ("economy_plane",),
    "benefit": ("economy_net_benefit",),
    "claims": ("outcomes",),
    "claim-power": ("claim_power",),
}
"""The results tables that a figure draws."""


def noted(edition: Edition, name: str, made: Drawing | Absent) -> Drawing | Absent:
    """Return a figure with a word in its caption, or in why it is absent, if its tables are not shown in full."""
    if edition.provenance.internal or not _drawn_left_out(edition, name):
        return made
    if isinstance(made, Absent):
        return replace(made, why=edition.say("disclosure.absent"))
    return replace(made, caption=f"{made.caption} {edition.say('disclosure.figure')}")


def left_out(edition: Edition) -> dict[tuple[str, str], tuple[int, int]]:
    """Return rows and cells that are not shown by table and rule, in the order of the tables."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in edition.rows("suppressed"):
        key = (text(row, "table"), text(row, "rule"))
        rows, cells = found.get(key, (0, 0))
        found[key] = (rows + 1, cells + int(row["n_cells"]))
    return found


def _drawn_left_out(edition: Edition, name: str) -> bool:
    """Return whether anything but the numbers of families beside an estimate is missing from a figure's tables."""
    rows = [r for r in edition.rows("suppressed") if text(r, "table") in FIGURE_TABLES.get(name, ())]
    return any(_matters(r) for r in rows)


def _matters(row: Row) -> bool:
    if text(row, "rule") == "text":
        return False
    return text(row, "table") == "training" or not all(c.startswith("n_") for c in text(row, "column").split())
