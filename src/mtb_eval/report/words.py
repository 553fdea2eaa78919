"""The texts of the report: a folder per language with a file per topic, the same files and keys in each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from mtb_eval.report.numbers import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Texts by key in one language; `{names}` in them are filled in by the caller."""

    language: Language
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key, filled in; raises KeyError if there is none."""
        return self.texts[key].format(**values)

    def listed(self, items: list[str]) -> str:
        """Return items as 'a, b and c'."""
        if len(items) < 2:
            return "".join(items)
        return f"{', '.join(items[:-1])} {self('word.and')} {items[-1]}"

    def few(self, items: list[str], most: int) -> str:
        """Return items as a list in words, the ones after `most` as a count."""
        if len(items) <= most:
            return self.listed(items)
        return self.listed([*items[:most], self("word.more", n=len(items) - most)])


@cache
def words(language: Language) -> Words:
    """Return the texts of a language; raises ValueError if two of its files hold the same table."""
    folder = resources.files("mtb_eval.report") / "texts" / language
    texts: dict[str, Any] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        twice = sorted(set(tables) & set(texts))
        if twice:
            raise ValueError(f"{language}/{file.name}: the table [{twice[0]}] is in another file too")
        texts.update(tables)
    return Words(language=language, texts=MappingProxyType(dict(_flat(texts))))


@cache
def phrases(language: Language) -> tuple[tuple[str, str], ...]:
    """Return the phrases that analyses write in English, each with how it reads in a language."""
    texts = words(language).texts.items()
    return tuple((key.removeprefix("technical."), text) for key, text in texts if key.startswith("technical."))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
