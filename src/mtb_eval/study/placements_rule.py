"""What is declared for the further analyses of placements: adjustment, competing events, priors, register extracts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementsDetail:
    """Settings of the placement analyses.

    `covariates`: the few columns beside MTB in the adjusted models (events are rare). `competing`: reasons of leaving
    after which a placement would not be registered. Permutation tests take `draws` draws from `seed`. Beta priors
    (a, b): `risk_prior` of each arm's risk, `registered_prior` of the share of placements that were registered,
    `confirmed_prior` of the share of registered ones that the registers hold too. `follow_to_months`: age to which a
    later extract follows. `most_changes`: families whose registration is supposed wrong, at most. `merge_days`: days
    that may lie between two register events of one placement.
    """

    covariates: tuple[str, ...]
    competing: tuple[str, ...]
    draws: int
    seed: int
    risk_prior: tuple[float, ...]
    registered_prior: tuple[float, ...]
    confirmed_prior: tuple[float, ...]
    follow_to_months: int
    most_changes: int
    merge_days: int
    status: str
    source: str
