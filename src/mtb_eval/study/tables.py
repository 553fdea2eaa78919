"""TOML tables -> frozen objects, strictly: an unknown or missing key is an error that names file and table."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

T = TypeVar("T")


class PlanError(ValueError):
    """A declaration that cannot be used: says which file, table and key, and what is allowed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text in English and in Danish."""

    en: str
    da: str

    def of(self, language: Literal["en", "da"]) -> str:
        """Return the text in that language."""
        return self.da if language == "da" else self.en


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; raises PlanError if it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise PlanError(f"{path.name}: the file does not exist in {path.parent}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise PlanError(f"{path.name}: not valid TOML ({problem})") from None


def read_only(path: Path, *allowed: str) -> dict[str, Any]:
    """Return the tables of a TOML file as `read_toml`; raises PlanError if one has another name than those allowed."""
    tables = read_toml(path)
    unknown = sorted(set(tables) - set(allowed))
    if unknown:
        raise PlanError(f"{path.name}: unknown table {unknown[0]!r}; allowed are {', '.join(allowed)}")
    return tables


def build(kind: type[T], table: object, where: str) -> T:
    """Return a `kind` from a TOML table; `where` names file and table for the errors.

    Raises PlanError on unknown keys, missing keys and values of another type.
    """
    if not isinstance(table, Mapping):
        raise PlanError(f"{where}: a table is needed, found {type(table).__name__}")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise PlanError(f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(fields)}")
    missing = [n for n, f in fields.items() if n not in table and _required(f)]
    if missing:
        raise PlanError(f"{where}: key {missing[0]!r} is missing")
    return kind(**{k: _value(hints[k], v, f"{where}, {k}") for k, v in table.items()})


def build_all(kind: type[T], tables: object, where: str) -> tuple[T, ...]:
    """Return a tuple of `kind` from an array of TOML tables."""
    if not isinstance(tables, list):
        raise PlanError(f"{where}: an array of tables is needed, found {type(tables).__name__}")
    return tuple(build(kind, t, f"{where}[{_name(t, i)}]") for i, t in enumerate(tables))


def unique(ids: list[str], where: str) -> None:
    """Raise PlanError if an id is declared twice."""
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise PlanError(f"{where}: {', '.join(twice)} declared more than once")


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _name(table: object, i: int) -> str:
    if isinstance(table, Mapping):
        return str(table.get("id", table.get("name", table.get("code", i + 1))))
    return str(i + 1)


def _value(hint: Any, value: object, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin in (Union, types.UnionType):
        return _value(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        return _tuple(args[0], value, where)
    if origin is Literal:
        return _one_of(args, value, where)
    if hint is typing.Any or (origin is not None and issubclass(origin, Mapping)):
        return _mapping(args, value, where)
    return _plain(hint, value, where)


def _tuple(kind: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise PlanError(f"{where}: a list is needed, found {type(value).__name__}")
    return tuple(_value(kind, v, f"{where}[{_name(v, i)}]") for i, v in enumerate(value))


def _one_of(allowed: tuple[Any, ...], value: object, where: str) -> object:
    if value not in allowed:
        raise PlanError(f"{where}: {value!r} is not one of {', '.join(map(str, allowed))}")
    return value


def _mapping(args: tuple[Any, ...], value: object, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise PlanError(f"{where}: a table is needed, found {type(value).__name__}")
    key, item = args
    try:
        return {key(k): _value(item, v, f"{where}.{k}") for k, v in value.items()}
    except ValueError as problem:
        if isinstance(problem, PlanError):
            raise
        raise PlanError(f"{where}: keys must be {key.__name__}") from None


def _plain(kind: Any, value: object, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wrong_bool = isinstance(value, bool) and kind is not bool
    if wrong_bool or not isinstance(value, kind):
        raise PlanError(f"{where}: {kind.__name__ if kind is not date else 'a date'} is needed, found {value!r}")
    return value
