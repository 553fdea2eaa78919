"""One language's edition of the report: the plan, the results, and how they are put into words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mtb_eval.analysis.results import Results
from mtb_eval.analysis.verdicts import LEAST_DF, POWER
from mtb_eval.report.csv_text import mark_of
from mtb_eval.report.manifest import installed_versions
from mtb_eval.report.numbers import NONE, Language, Numbers
from mtb_eval.report.rows import Row, records, text, where
from mtb_eval.report.words import Words, phrases, words
from mtb_eval.study import Outcome, Plan, Wave


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the numbers come from: made or collected, seed, SHA-256 by input file, versions by name (the installed).

    `internal` if small counts are shown, so that the report must stay in the secure environment.
    """

    synthetic: bool
    seed: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=installed_versions)
    internal: bool = False

    @property
    def mark(self) -> str:
        """What every row of a file says of itself."""
        return mark_of(synthetic=self.synthetic, internal=self.internal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What every figure and section of one language is made from."""

    language: Language
    plan: Plan
    results: Results
    provenance: Provenance
    words: Words
    numbers: Numbers
    tables: Mapping[str, tuple[Row, ...]]

    def rows(self, table: str, **equal: object) -> list[Row]:
        """Return the rows of a results table whose columns equal the given values; none if the table is absent."""
        return where(self.tables.get(table, ()), **equal)

    def say(self, key: str, **values: object) -> str:
        """Return a text; {mtb}, {control} (within a sentence), {Control}, {level}, {power} and {least_df} are at hand.

        A number that is missing from a report for release stands in a sentence as words that say so.
        """
        control = self.arm("control")
        names = {
            "mtb": self.arm("mtb"),
            "control": within_sentence(control),
            "Control": control,
            "level": self.level,
            "power": self.numbers.percent(POWER),
            "least_df": self.numbers.count(LEAST_DF),
        }
        if not self.provenance.internal:
            values = {k: self.words("disclosure.number") if v == NONE else v for k, v in values.items()}
        return self.words(key, **{**names, **values})

    def named(self, group: str, code: str, **values: object) -> str:
        """Return the reader's word for a code, or the code in plain letters where no word is declared."""
        key = f"{group}.{code}"
        return self.say(key, **values) if key in self.words.texts else code.replace("_", " ")

    def technical(self, text: str) -> str:
        """Return what an analysis wrote (in English) with its phrases put into the edition's language."""
        for phrase, translated in phrases(self.language):
            text = text.replace(phrase, translated)
        return re.sub(r"(?<=\d)\.(?=\d)", ",", text) if self.language == "da" else text

    def arm(self, arm: str) -> str:
        """Return an arm's name."""
        return self.plan.arm(arm).label.of(self.language)

    def wave(self, wave: str) -> str:
        """Return a wave's name."""
        return next((w.label.of(self.language) for w in self.plan.waves if w.id == wave), wave)

    def at_wave(self, wave: Wave) -> str:
        """Return 'at 24 months', or 'before birth'."""
        return self.say("word.at_months", months=wave.months) if wave.months else within_sentence(self.wave(wave.id))

    def outcome(self, outcome: str) -> str:
        """Return an outcome's label."""
        known = self.declared(outcome)
        return known.label.of(self.language) if known else outcome

    def unit(self, outcome: str) -> str:
        """Return an outcome's unit."""
        known = self.declared(outcome)
        return known.unit.of(self.language) if known else ""

    def direction(self, outcome: str) -> str:
        """Return which direction is better, in words."""
        known = self.declared(outcome)
        return self.say(f"better.{known.better}") if known else ""

    def arrow(self, outcome: str) -> str:
        """Return an arrow in the direction that is better."""
        known = self.declared(outcome)
        return {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}[known.better] if known else ""

    def declared(self, outcome: str) -> Outcome | None:
        """Return the plan's declaration of an outcome, or None."""
        return next((o for o in self.plan.outcomes if o.id == outcome), None)

    def family(self, family: str) -> str:
        """Return the name of a family of outcomes."""
        return next((f.label.of(self.language) for f in self.plan.families if f.id == family), family)

    def population(self, population: str) -> str:
        """Return the families of whom an outcome is asked, in words; empty for all."""
        return next((p.label.of(self.language) for p in self.plan.populations if p.id == population), "")

    @property
    def main_wave(self) -> Wave:
        """The last wave at which an outcome is declared: the one that the report is about."""
        measured = {o.wave for o in self.plan.outcomes}
        waves = [w for w in self.plan.waves if w.id in measured] or list(self.plan.waves)
        return max(waves, key=lambda w: w.months)

    def main_outcomes(self) -> list[Row]:
        """Return the rows of the outcomes table at the main wave, by family in the plan's order."""
        rows = self.rows("outcomes", wave=self.main_wave.id)
        order = [f.id for f in self.plan.families]
        return sorted(rows, key=lambda r: order.index(r["family"]) if r["family"] in order else len(order))

    def earlier_outcomes(self) -> list[Row]:
        """Return the rows of the outcomes table at other waves, in the table's order."""
        return [r for r in self.rows("outcomes") if text(r, "wave") != self.main_wave.id]

    @property
    def banners(self) -> list[tuple[str, str]]:
        """What must stand over every page, as a few words and a sentence: internal use, synthetic data."""
        made = {"internal": self.provenance.internal, "synthetic": self.provenance.synthetic}
        return [(self.say(f"{k}.banner"), self.say(f"{k}.banner_text")) for k, stands in made.items() if stands]

    @property
    def level(self) -> str:
        """The level of every interval, as a percentage."""
        return self.numbers.percent(self.plan.level)

    @property
    def tiers(self) -> str:
        """The rule that turns a p-value into a verdict, in one sentence."""
        rule, p = self.plan.verdicts, self.numbers.threshold
        return self.say("rule.tiers", significant=p(rule.significant), tendency=p(rule.tendency))


def edition(language: Language, plan: Plan, results: Results, provenance: Provenance) -> Edition:
    """Return the edition of the report in a language."""
    rule = plan.verdicts
    return Edition(
        language=language,
        plan=plan,
        results=results,
        provenance=provenance,
        words=words(language),
        numbers=Numbers(language=language, thresholds=(rule.significant, rule.tendency)),
        tables={name: records(frame) for name, frame in results.named().items()},
    )


def within_sentence(label: str) -> str:
    """Return a label as it stands inside a sentence: first letter small unless the word is an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def sentence_case(label: str) -> str:
    """Return a label with a capital first letter."""
    return label[:1].upper() + label[1:]
