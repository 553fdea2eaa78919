"""How numbers are written: true minus, decimal comma in Danish, p-values that stay on their side of a threshold."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "da"]
LANGUAGES: tuple[Language, ...] = ("en", "da")
MINUS, NBSP, NONE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}", "\N{EN DASH}"
TO = {"en": "to", "da": "til"}
OF = {"en": "of", "da": "af"}
MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "da": (
        "januar", "februar", "marts", "april", "maj", "juni",
        "juli", "august", "september", "oktober", "november", "december",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Writes numbers in one language; `thresholds` are p-values that rounding must not cross."""

    language: Language
    thresholds: tuple[float, ...] = (0.05, 0.10)

    def fixed(self, value: float, decimals: int, *, sign: bool = False) -> str:
        """Return a number with that many decimals; an en dash where it is missing, infinity where unbounded."""
        if math.isnan(value):
            return NONE
        if math.isinf(value):
            return f"{MINUS if value < 0 else ''}\N{INFINITY}"
        text = f"{abs(value):,.{decimals}f}"
        negative = value < 0 and any(c in "123456789" for c in text)
        plus = "+" if sign and not negative else ""
        return f"{MINUS if negative else plus}{self._marks(text)}"

    def std(self, value: float) -> str:
        """Return a standardised effect: two decimals."""
        return self.fixed(value, 2)

    def count(self, value: float) -> str:
        """Return a whole number."""
        return self.fixed(value, 0)

    def plain(self, value: float) -> str:
        """Return a number with as many decimals as it has (at most six digits): the labels of an axis."""
        text = self._marks(f"{abs(value):.6g}")
        return f"{MINUS if value < 0 else ''}{text}"

    def interval(self, low: float, high: float, decimals: int = 2, *, null: float = 0.0) -> str:
        """Return an interval as 'a to b'; an en dash where both ends are missing.

        An end that rounding would move onto `null` gets more decimals, so that it stays on its side.
        """
        if math.isnan(low) and math.isnan(high):
            return NONE
        ends = (self.fixed(v, _apart(v, null, decimals)) for v in (low, high))
        return f" {TO[self.language]} ".join(ends)

    def estimate(self, value: float, low: float, high: float, decimals: int = 2) -> str:
        """Return an estimate with its interval in parentheses, or alone if it has none."""
        alone = self.fixed(value, decimals)
        return alone if math.isnan(low) and math.isnan(high) else f"{alone} ({self.interval(low, high, decimals)})"

    def p(self, value: float) -> str:
        """Return a p-value as .03 (0,03 in Danish), < .001 or > .99, with as many decimals as its tier needs."""
        if math.isnan(value):
            return NONE
        if value < 0.001:
            return f"<{NBSP}{self._probability(0.001, 3)}"
        if value > 0.99:
            return f">{NBSP}{self._probability(0.99, 2)}"
        return self._probability(value, self._p_decimals(value))

    def equation(self, value: float) -> str:
        """Return a p-value as 'p = .03' or 'p < .001'."""
        if math.isnan(value):
            return f"p{NBSP}={NBSP}{NONE}"
        text = self.p(value)
        joint = "" if text[0] in "<>" else f"={NBSP}"
        return f"p{NBSP}{joint}{text}"

    def threshold(self, value: float) -> str:
        """Return a declared threshold of p as it is written: .05, .10."""
        return self._probability(value, max(2, len(f"{value:g}") - 2))

    def percent(self, share: float, decimals: int = 0) -> str:
        """Return a share as a percentage."""
        return NONE if math.isnan(share) else f"{self.fixed(100 * share, decimals)}{NBSP}%"

    def counts(self, n: float, of: float) -> str:
        """Return two counts as '138 of 183', kept on one line."""
        return NBSP.join((self.count(n), OF[self.language], self.count(of)))

    def share(self, n: float, of: float) -> str:
        """Return a percentage with its counts: 75 % (138 of 183)."""
        if math.isnan(n) or math.isnan(of):
            return NONE
        return f"{self.percent(n / of)} ({self.counts(n, of)})" if of else self.counts(n, of)

    def date(self, day: datetime.date) -> str:
        """Return a date: 3 June 2018, 3. juni 2018."""
        month = MONTHS[self.language][day.month - 1]
        return f"{day.day}{'.' if self.language == 'da' else ''} {month} {day.year}"

    def month(self, day: datetime.date) -> str:
        """Return month and year of a date."""
        return f"{MONTHS[self.language][day.month - 1]} {day.year}"

    def _marks(self, text: str) -> str:
        if self.language == "en":
            return text
        return text.translate(str.maketrans(",.", ".,"))

    def _probability(self, value: float, decimals: int) -> str:
        text = self._marks(f"{value:.{decimals}f}")
        return text.removeprefix("0") if self.language == "en" and value < 1 else text

    def _p_decimals(self, value: float) -> int:
        least = 3 if value < 0.01 else 2
        return next((d for d in range(least, 7) if self._keeps_tier(value, d)), 7)

    def _keeps_tier(self, value: float, decimals: int) -> bool:
        written = round(value, decimals)
        return all((written < t) == (value < t) and (written != t or value == t) for t in self.thresholds)


def _apart(value: float, null: float, decimals: int) -> int:
    """Return the fewest decimals, at least `decimals`, that keep a value from being written as `null` (at most 6)."""
    if not math.isfinite(value) or value == null:
        return decimals
    return next((d for d in range(decimals, 6) if round(value, d) != round(null, d)), 6)


def decimals_for(*values: float) -> int:
    """Return the decimals that give the largest of the values two significant digits (0 to 4)."""
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    if not sizes:
        return 2
    return min(max(1 - math.floor(math.log10(max(sizes))), 0), 4)
