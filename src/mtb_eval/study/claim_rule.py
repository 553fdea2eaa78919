"""What is declared for the chance that a design like this one finds what was claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPowerRule:
    """True effects for which the chance to find a claimed effect is computed.

    `effects`: sizes in standard deviations of the outcome. `main`: that of them which stands for a claim whose size was
    not published.
    """

    effects: tuple[float, ...]
    main: float
    status: Literal["confirmed", "inferred", "assumed"]
    source: str
