"""Documents set by typst: a template and the data that it shows."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module, resources
from importlib.util import find_spec
from typing import Any, Literal

from mtb_eval.report.fonts import font_folder

DPI = 150
ACCESSIBLE = ["ua-1"]
WITHOUT = "; install it again, or remove it: a report is then written without PDF and PNG"


class TypesetError(RuntimeError):
    """A document could not be set, or is not accessible, for instance because a figure has no alternative text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A template of this package, the data that fill it, and what is to be made: a tagged PDF, or a PNG of each page.

    The data reach the template as JSON, so nothing in a text is read as a command.
    """

    template: str
    data: Mapping[str, Any]
    form: Literal["pdf", "png"] = "pdf"


def can_typeset() -> bool:
    """Return whether typst is installed; without it there is no PDF and no PNG."""
    return find_spec("typst") is not None


def typeset(orders: Sequence[Order]) -> list[list[bytes]]:
    """Return for each order its files: one PDF (PDF/UA-1), or one PNG per page, 150 dots per inch.

    The same orders give the same bytes. Raises TypesetError.
    """
    # In a process of its own: the threads that typst starts would not outlive a later fork of this one.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        try:
            return pool.submit(_made, orders).result()
        except BrokenProcessPool:
            raise TypesetError(f"typst stopped in the middle, perhaps for want of memory{WITHOUT}") from None


def _made(orders: Sequence[Order]) -> list[list[bytes]]:
    try:
        typst = import_module("typst")  # here, so that everything else works where it is not installed
    except ImportError as error:
        raise TypesetError(f"typst is installed but cannot be loaded ({error.msg}){WITHOUT}") from None
    compiler = typst.Compiler(font_paths=[font_folder()], ignore_system_fonts=True)
    try:
        return [_compiled(compiler, order) for order in orders]
    except typst.TypstError as error:
        raise TypesetError(f"typst could not set a document: {error}") from None


def _compiled(compiler: Any, order: Order) -> list[bytes]:
    template = (resources.files("mtb_eval.report") / "templates" / order.template).read_bytes()
    data = {"data": json.dumps(order.data, ensure_ascii=False)}
    form = {"pdf_standards": ACCESSIBLE, "timestamp": 0} if order.form == "pdf" else {"ppi": DPI}
    made = compiler.compile(input=template, sys_inputs=data, format=order.form, **form)
    return made if isinstance(made, list) else [made]
