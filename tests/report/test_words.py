"""The texts: the same keys in both languages, with the same names to fill in, and no stray code word in the pages."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import mtb_eval.report
from mtb_eval.report.words import words

EN, DA = words("en").texts, words("da").texts


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_in_both_languages():
    assert set(EN) == set(DA)


def test_both_languages_fill_in_the_same_values():
    arms = {"mtb", "control", "Control", "level"}
    differing = [k for k in EN if (_names(EN[k].lower()) ^ _names(DA[k].lower())) - arms]
    assert differing == []


def test_no_text_is_empty_and_sentences_are_translated():
    assert all(t.strip() for t in (*EN.values(), *DA.values()))
    untranslated = [k for k, t in EN.items() if len(t.split()) > 4 and DA[k] == t and not k.startswith("reference.")]
    assert untranslated == []


def test_danish_texts_have_no_decimal_point_and_no_hyphen_for_minus():
    assert [k for k, t in DA.items() if re.search(r"\d\.\d", t) and not k.startswith("reference.")] == []


def test_every_text_asked_for_by_name_exists():
    package = Path(mtb_eval.report.__file__).parent
    sources = [*package.rglob("*.py"), *package.rglob("*.html")]
    asked = {key for s in sources for key in re.findall(r"say\(\s*['\"]([\w.-]+)['\"]", s.read_text(encoding="utf-8"))}
    assert len(asked) > 150
    assert asked - set(EN) == set()


def test_lists_in_words():
    en = words("en")
    assert en.listed([]) == ""
    assert en.listed(["a"]) == "a"
    assert en.listed(["a", "b", "c"]) == "a, b and c"
    assert en.few(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert words("da").listed(["a", "b"]) == "a og b"
