"""What a claim's rule may look at, and what it returns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mtb_eval.data.families import Study
from mtb_eval.study import Claim, Outcome, Plan

Result = Literal["agrees", "differs", "cannot be tested"]
Language = Literal["en", "da"]
LANGUAGES: tuple[Language, Language] = ("en", "da")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The study, its plan and the tables of Results made so far, by name."""

    study: Study
    plan: Plan
    tables: Mapping[str, pd.DataFrame]

    def outcomes_of(self, claim: Claim) -> list[Outcome]:
        """Return the outcomes with the claim's measure at the claim's waves."""
        return outcomes_of(self.plan, claim)

    def row(self, outcome: str) -> pd.Series:
        """Return an outcome's row of the outcomes table."""
        table = self.tables["outcomes"]
        return table[table["outcome"] == outcome].iloc[0]


def outcomes_of(plan: Plan, claim: Claim) -> list[Outcome]:
    """Return the outcomes of a plan with a claim's measure at the claim's waves, the earliest wave first."""
    months = {int(m) for part in claim.wave_months.split("|") for m in part.split("-") if m}
    waves = {w.id: w.months for w in plan.waves if w.months in months}
    found = [o for o in plan.outcomes if o.column == claim.measure and o.wave in waves]
    return sorted(found, key=lambda o: waves[o.wave])


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the data give for one claim, in words and as a number (NaN where it is no number)."""

    value: float
    en: str
    da: str
    result: Result
    why_en: str = ""
    why_da: str = ""

    @staticmethod
    def untestable(en: str, da: str) -> Found:
        """Return the answer for a claim that these data cannot test."""
        return Found(value=math.nan, en="", da="", result="cannot be tested", why_en=en, why_da=da)

    @staticmethod
    def judged(agrees: bool, value: float, en: str, da: str) -> Found:
        """Return an answer that agrees or differs."""
        return Found(value=value, en=en, da=da, result="agrees" if agrees else "differs")


def number(value: float, language: Language, *, digits: int = 3) -> str:
    """Return a number in words of the language: true minus, decimal comma in Danish."""
    text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:.0f}"
    text = text.replace("-", "\N{MINUS SIGN}")
    return text.replace(".", ",") if language == "da" else text


def share(n: int, of: int, language: Language) -> str:
    """Return a percentage with its counts."""
    percent = f"{100 * n / of:.1f}" if of else "-"
    if language == "da":
        return f"{percent.replace('.', ',')} % ({n} af {of})"
    return f"{percent} % ({n} of {of})"


def p_value(p: float, language: Language) -> str:
    """Return a p-value as p = .03, or p < .001 (p = 0,03 in Danish)."""
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return text.replace(".", ",") if language == "da" else text.replace("0.", ".")


def inside(value: float, claim: Claim) -> bool:
    """Return whether a number lies within what the claim's printed figure allows."""
    low = -math.inf if claim.low is None else claim.low
    high = math.inf if claim.high is None else claim.high
    return math.isfinite(value) and low <= value <= high
