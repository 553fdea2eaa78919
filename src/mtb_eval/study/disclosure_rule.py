"""What is declared on disclosure control beside the threshold for counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureRule:
    """How many families a number must rest on before it may leave the secure environment.

    `tail`: families that must lie on either side of a quantile. `fewest_model`: families that the estimate of a model
    must rest on in all. The threshold under which a count is not shown is the plan's `disclosure_threshold`.
    """

    tail: int = 5
    fewest_model: int = 10
    status: str = "assumed"
    source: str = "assumed"
