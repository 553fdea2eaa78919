"""What is declared for the economy: which hours follow visits, mark-ups, prices, willingness to pay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EconomyRule:
    """Prices and settings of the economic analyses; amounts in DKK of the price level of the cost file.

    `outcome`: whose effect is held against cost, in standard deviations for the better. `visit_activities`: those
    whose hours follow the number of visits; all others are the same for each family. `training_activities` are
    charged at `training_share`. `overhead` is added to every hour's cost, as a share. `overheads`, `wage_factors`,
    `training_shares`: values of the sensitivity analysis. `dkk_per_contact`: one contact of usual care.
    `willingness`: DKK per standard deviation. `placement_dkk_per_year` and `placement_years`: what an averted placement
    would have cost.
    """

    outcome: str
    visit_activities: tuple[str, ...]
    training_activities: tuple[str, ...]
    training_share: float
    overhead: float
    overheads: tuple[float, ...]
    wage_factors: tuple[float, ...]
    training_shares: tuple[float, ...]
    dkk_per_contact: float
    willingness: tuple[float, ...]
    placement_dkk_per_year: tuple[float, ...]
    placement_years: tuple[float, ...]
    status: str
    source: str
