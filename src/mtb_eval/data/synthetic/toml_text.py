"""Frozen objects -> TOML text: what `study.tables.build` reads back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping


def toml_text(value: object) -> str:
    """Return a dataclass instance as TOML: None and empty tables are left out, floats keep every digit.

    Raises TypeError on values that the tables of declarations do not hold.
    """
    return "\n".join(_lines(_entries(value), "")) + "\n"


def _lines(table: Mapping[str, object], name: str) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if _is_table(value):
            path = f"{name}.{_key(key)}" if name else _key(key)
            yield from _table(_entries(value), path)


def _table(table: Mapping[str, object], path: str) -> Iterator[str]:
    if any(not _is_table(v) for v in table.values()):
        yield from ("", f"[{path}]")
    yield from _lines(table, path)


def _entries(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        entries = {str(k): v for k, v in value.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        entries = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        raise TypeError(f"a table is needed, found {type(value).__name__}")
    return {k: v for k, v in entries.items() if v is not None}


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or dataclasses.is_dataclass(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    raise TypeError(f"{type(value).__name__} cannot be written as a TOML value")
