"""The numbered tables as LaTeX: one file a table (booktabs), and one that inputs them all and can be typeset alone."""

from __future__ import annotations

from collections.abc import Sequence

from mtb_eval.report.document import Cell, Column, Line, Table
from mtb_eval.report.edition import Edition
from mtb_eval.report.numbered_tables import NumberedTable
from mtb_eval.report.numbers import MINUS, NBSP

LANGUAGES = {"en": "english", "da": "danish"}
PACKAGES = ("booktabs", "longtable", "array", "pdflscape", "amssymb", "textcomp")
LONG, LONG_WIDE, WIDE = 36, 24, 95
"""Lines of a float on an upright and on a landscape page, and characters of an upright page, at most."""
NARROWEST, WIDEST, WHOLE = 6, 40, 14
"""Characters of a column, and of a text that is kept on one line."""
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", MINUS: "$-$", NBSP: "~", "–": "--", "…": r"\dots{}",
    "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}", "‘": r"\textquoteleft{}", "’": r"\textquoteright{}",
    "«": r"\guillemotleft{}", "»": r"\guillemotright{}", "·": r"\textperiodcentered{}", "∞": r"$\infty$",
    "≠": r"$\neq$", "≤": r"$\leq$", "≥": r"$\geq$", "×": r"$\times$", "±": r"$\pm$", "↑": r"$\uparrow$",
    "↓": r"$\downarrow$", "→": r"$\rightarrow$", "✓": r"$\checkmark$", "►": r"$\blacktriangleright$",
    "▻": r"$\vartriangleright$", "◄": r"$\blacktriangleleft$", "◅": r"$\vartriangleleft$",
    "²": r"\textsuperscript{2}", "½": r"$\frac{1}{2}$", "χ": r"$\chi$", "τ": r"$\tau$", "α": r"$\alpha$", "\n": " ",
}  # fmt: skip
ESCAPES = str.maketrans(SPECIAL)
GUARDED = ("[", "*")
"""What would be read as an argument of the line break before it."""


def escaped(text: str) -> str:
    """Return a text as LaTeX shows it: special characters as commands, signs as mathematics, letters as they are."""
    return text.translate(ESCAPES)


def latex_table(one: NumberedTable) -> str:
    r"""Return a table as LaTeX with \caption, \label (tab:<id>), three rules and notes; it needs PACKAGES.

    A longtable where it may not fit on a page, on a landscape page where it is wide, else a float.
    """
    table = one.table
    body = _longtable(one) if is_long(table) else _float(one)
    if is_wide(table):
        body = f"\\begin{{landscape}}\n{body}\\end{{landscape}}\n"
    packages = ", ".join(PACKAGES)
    return f"% {escaped(one.heading)}. Needs the packages {packages}.\n{body}"


def latex_document(edition: Edition, tables: Sequence[NumberedTable]) -> str:
    """Return a document that inputs every table, in the order and with the numbers of the report."""
    language = LANGUAGES[edition.language]
    used = "\n".join(f"\\usepackage{{{p}}}" for p in PACKAGES)
    marks = "".join(f"\\noindent {escaped(mark)}\\par\n" for mark in (tables[0].marks if tables else ()))
    inputs = "".join(f"\\input{{{one.table.id}}}\n\\clearpage\n" for one in tables)
    return (
        "\\documentclass[a4paper,10pt]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage[utf8]{inputenc}\n"
        f"\\usepackage[{language}]{{babel}}\n\\usepackage[margin=20mm]{{geometry}}\n{used}\n"
        "\\usepackage[font=small,labelfont=bf,justification=raggedright,singlelinecheck=false]{caption}\n"
        "\\setlength{\\LTcapwidth}{\\linewidth}\n"
        f"\\begin{{document}}\n\\section*{{{escaped(edition.plan.title.of(edition.language))}}}\n{marks}"
        f"{inputs}\\end{{document}}\n"
    )


def is_wide(table: Table) -> bool:
    """Return whether a table needs a landscape page."""
    return sum(_width(c, _column(table, k)) for k, c in enumerate(table.columns)) > WIDE


def is_long(table: Table) -> bool:
    """Return whether a table may need more than one page; second lines of cells count."""
    lines = sum(1 + any(c.under for c in line.cells) for line in table.lines)
    return lines > (LONG_WIDE if is_wide(table) else LONG)


def _float(one: NumberedTable) -> str:
    table = one.table
    notes = "".join(f"\\par\\smallskip{{\\footnotesize {escaped(n)}\\par}}\n" for n in one.notes)
    return (
        f"\\begin{{table}}[htbp]\n\\caption{{{escaped(table.caption)}}}\\label{{tab:{table.id}}}\n\\footnotesize\n"
        f"\\begin{{tabular}}{{{_columns(table)}}}\n\\toprule\n{_header(table)}\\midrule\n{_lines(table)}\\bottomrule\n"
        f"\\end{{tabular}}\n{notes}\\end{{table}}\n"
    )


def _longtable(one: NumberedTable) -> str:
    table, n = one.table, len(one.table.columns)
    text = " ".join(escaped(note) for note in one.notes)
    notes = f"\\multicolumn{{{n}}}{{p{{0.95\\linewidth}}}}{{\\footnotesize {text}}}\\\\\n" if text else ""
    return (
        f"{{\\footnotesize\n\\begin{{longtable}}{{{_columns(table)}}}\n"
        f"\\caption{{{escaped(table.caption)}}}\\label{{tab:{table.id}}}\\\\\n"
        f"\\toprule\n{_header(table)}\\midrule\n\\endfirsthead\n\\toprule\n{_header(table)}\\midrule\n\\endhead\n"
        f"\\bottomrule\n\\endfoot\n\\bottomrule\n{notes}\\endlastfoot\n{_lines(table)}\\end{{longtable}}\n}}\n"
    )


def _columns(table: Table) -> str:
    """Return the column types: each with its share of the width, numbers to the right."""
    widths = [_width(c, _column(table, k)) for k, c in enumerate(table.columns)]
    room = max(sum(widths), 60.0)
    kinds = [_kind(c, w / room, len(widths)) for c, w in zip(table.columns, widths, strict=True)]
    return f"@{{}}{''.join(kinds)}@{{}}"


def _kind(column: Column, share: float, n: int) -> str:
    """Return a column type; what LaTeX puts between n columns is taken off its width."""
    side = "raggedleft" if column.numeric else "raggedright"
    gap = 2 * (n - 1) / n
    return f">{{\\{side}\\arraybackslash}}p{{\\dimexpr {share:.4f}\\linewidth-{gap:.3f}\\tabcolsep}}"


def _header(table: Table) -> str:
    return " & ".join(f"\\textbf{{{escaped(c.title)}}}" for c in table.columns) + " \\\\\n"


def _lines(table: Table) -> str:
    return "".join(_line(line) for line in table.lines)


def _line(line: Line) -> str:
    texts = [_cell(c) for c in line.cells]
    first = f"{{}}{texts[0]}" if texts[0].startswith(GUARDED) else texts[0]
    return " & ".join([first, *texts[1:]]) + " \\\\\n"


def _cell(cell: Cell) -> str:
    under = f"\\newline {{\\scriptsize {escaped(cell.under)}}}" if cell.under else ""
    text = cell.text.replace(" ", NBSP) if len(cell.text) <= WHOLE else cell.text
    return f"{escaped(text)}{under}"


def _column(table: Table, k: int) -> list[Cell]:
    return [line.cells[k] for line in table.lines]


def _width(column: Column, cells: Sequence[Cell]) -> float:
    """Return the characters that a column needs: its longest text within bounds, and its longest word."""
    longest = max((len(t) for c in cells for t in (c.text, c.under)), default=0)
    words = [w for t in (column.title, *(c.text for c in cells)) for w in t.split(" ")]
    room = longest + 2 if longest <= WHOLE else longest
    return float(max(min(room, WIDEST), min(max(map(len, words), default=0) + 1, WIDEST), NARROWEST))
