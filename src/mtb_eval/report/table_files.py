"""The report's numbered tables as files for papers: one workbook, one Word file, one LaTeX file per table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mtb_eval.report.document import Section
from mtb_eval.report.edition import Edition
from mtb_eval.report.numbered_tables import numbered_tables
from mtb_eval.report.table_latex import latex_document, latex_table
from mtb_eval.report.table_word import word_file
from mtb_eval.report.table_workbook import workbook_file

FOLDERS = {"en": "publication", "da": "publication/da"}


def table_files(
    edition: Edition, sections: Sequence[Section] | None = None
) -> Iterator[tuple[str, bytes, Callable[..., object]]]:
    """Yield path, content and maker of each file: tables.xlsx, tables.docx, latex/<table>.tex and latex/tables.tex.

    English ones lie in publication/, Danish ones in publication/da/. The same edition gives the same bytes.
    `sections` are those of the edition if they have been made already.
    """
    folder, tables = FOLDERS[edition.language], numbered_tables(edition, sections)
    yield f"{folder}/tables.xlsx", workbook_file(edition, tables), workbook_file
    yield f"{folder}/tables.docx", word_file(edition, tables), word_file
    for one in tables:
        yield f"{folder}/latex/{one.table.id}.tex", latex_table(one).encode("utf-8"), latex_table
    yield f"{folder}/latex/tables.tex", latex_document(edition, tables).encode("utf-8"), latex_document
