"""Broken input, one kind a row: each is answered by exactly one problem that names file, column, rule and rows."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from mtb_eval.data import PROBLEM_COLUMNS, DataError, check_study, load_study

REGISTER, ANSWERS, VISITS = "familier", "trivsel", "besøg"


def put(table, column, values, row=0):
    """Return a spoiling of one table: `values` into `column` from `row` on."""

    def spoil(tables):
        frame = tables[table].astype({column: object})
        frame.loc[row : row + len(values) - 1, column] = values
        tables[table] = frame if table == REGISTER else frame.infer_objects()

    return spoil


def rename(table, old, new):
    return lambda tables: tables.update({table: tables[table].rename(columns={old: new})})


def drop(table, column):
    return lambda tables: tables.update({table: tables[table].drop(columns=column)})


def again(table, row):
    """Return a spoiling that repeats a row."""
    return lambda tables: tables.update({table: pd.concat([tables[table], tables[table].iloc[[row]]])})


def twice_in_arms(tables):
    other = tables[REGISTER].iloc[[0]].assign(gruppe=0)
    tables[REGISTER] = pd.concat([tables[REGISTER], other])


VALUES = {
    "text in a number": (put(REGISTER, "indkomst", ["mange"]), "familier.csv", "indkomst", "wrong_type", 1),
    "fraction in a whole number": (put(REGISTER, "børn", ["1,5", "2,5"]), "familier.csv", "børn", "not_whole", 2),
    "over its range": (put(REGISTER, "børn", ["77"]), "familier.csv", "børn", "out_of_range", 1),
    "under its range": (put(REGISTER, "indkomst", ["-5,5"]), "familier.csv", "indkomst", "out_of_range", 1),
    "negative minutes": (put(VISITS, "minutter", [-30, -1]), "besøg.dta", "minutter", "out_of_range", 2),
    "answer not allowed": (put(ANSWERS, "tr02", [4.0, 1.5, 9.0]), "trivsel.sav", "tr02", "answer_not_allowed", 3),
    "unknown code": (put(ANSWERS, "arbejde", [7.0]), "trivsel.sav", "arbejde", "unknown_code", 1),
    "unknown municipality": (
        put(REGISTER, "kommune", ["Skagen"]), "familier.csv", "kommune", "unknown_municipality", 1),
    "unknown arm": (put(REGISTER, "gruppe", ["2"]), "familier.csv", "gruppe", "unknown_arm", 1),
    "unknown wave": (put(ANSWERS, "måling", [7]), "trivsel.sav", "måling", "unknown_wave", 1),
    "blank id": (put(VISITS, "loebenr", [""]), "besøg.dta", "loebenr", "blank_cell", 1),
    "blank recruitment": (put(REGISTER, "start", ["", ""]), "familier.csv", "start", "blank_cell", 2),
    "unknown family": (put(VISITS, "loebenr", ["x77", "x78"]), "besøg.dta", "loebenr", "unknown_family", 2),
    "visit in usual care": (put(VISITS, "loebenr", ["005"]), "besøg.dta", "loebenr", "visits_in_control", 1),
    "date that never was": (put(REGISTER, "start", ["31-02-2021"]), "familier.csv", "start", "wrong_type", 1),
    "month before day": (put(REGISTER, "start", ["06-13-2021"]), "familier.csv", "start", "wrong_type", 1),
    "two-digit year": (put(REGISTER, "start", ["03-06-21"]), "familier.csv", "start", "wrong_type", 1),
    "dates in two ways": (
        put(REGISTER, "start", ["2021-06-03", "3.6.2021"]), "familier.csv", "start", "mixed_dates", 2),
    "slashes, no day told": (
        put(REGISTER, "start", ["03/06/2021"] * 16), "familier.csv", "start", "unclear_dates", 16),
    "recruited too early": (put(REGISTER, "start", ["03-06-2011"]), "familier.csv", "start", "implausible_date", 1),
    "visit in a far year": (
        put(VISITS, "dato", [pd.Timestamp("2091-01-03")]), "besøg.dta", "dato", "implausible_date", 1),
    "visit before recruitment": (
        put(VISITS, "dato", [pd.Timestamp("2020-12-31")]), "besøg.dta", "dato", "before_recruited_on", 1),
    "two decimal marks": (put(REGISTER, "indkomst", ["200.7"]), "familier.csv", "indkomst", "mixed_numbers", 16),
    "points: thousands or decimals": (
        put(REGISTER, "indkomst", ["1.250", "2.500"] * 8), "familier.csv", "indkomst", "mixed_numbers", 16),
    "empty column": (put(ANSWERS, "timer", [np.nan] * 28), "trivsel.sav", "timer", "empty_column", 28),
    "unknown column": (
        lambda t: t.update({VISITS: t[VISITS].assign(vejr=1)}), "besøg.dta", "vejr", "unknown_column", 0),
    "missing column": (drop(VISITS, "minutter"), "besøg.dta", "minutter", "missing_column", 0),
    "repeated family": (again(REGISTER, 3), "familier.csv", "løbenr", "duplicate", 1),
    "repeated questionnaire": (again(ANSWERS, 20), "trivsel.sav", "løbenr, måling", "duplicate", 1),
    "repeated visit": (again(VISITS, 1), "besøg.dta", "", "repeated_rows", 1),
    "repeated visits": (
        lambda t: t.update({VISITS: pd.concat([t[VISITS]] * 3)}), "besøg.dta", "", "repeated_rows", 8),
    "repeated cost": (again("udgifter", 0), "udgifter.xlsx", "", "repeated_rows", 1),
    "CPR as id": (
        put(REGISTER, "bemærkning", [f"{d:02d}0190-{1000 + d}" for d in range(1, 17)]),
        "familier.csv", "bemærkning", "cpr", 16),
    "CPR in one text": (
        put(REGISTER, "bemærkning", ["ring til 010190-1234"]), "familier.csv", "bemærkning", "cpr", 1),
    "damaged letters": (
        put(REGISTER, "bemærkning", ["KÃ¸benhavn"]), "familier.csv", "bemærkning", "damaged_letters", 1),
    "Excel error": (
        lambda t: t["udgifter"].__setitem__("kommune", ["#N/A", "Ærø"]), "udgifter.xlsx", "kommune", "excel_error", 1),
    "no rows": (lambda t: t.update({ANSWERS: t[ANSWERS].iloc[:0]}), "trivsel.sav", "", "no_rows", 0),
    "no visits": (lambda t: t.update({VISITS: t[VISITS].iloc[:0]}), "besøg.dta", "", "no_rows", 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_each_kind_is_one_problem(small, kind):
    spoil, file, column, rule, n = VALUES[kind]
    before = {name: table.copy() for name, table in small.tables.items()}
    spoil(small.tables)
    found = small.problems()
    assert tuple(found.columns) == PROBLEM_COLUMNS
    assert [tuple(r) for r in found[["file", "column", "rule", "n_rows"]].to_numpy()] == [(file, column, rule, n)]
    assert_tells_no_value(DataError(found), before, small.tables)


def assert_tells_no_value(error, before, after):
    """No id, and no value that the spoiling brought in, is in the message or the table of problems."""
    told = " ".join([str(error), *error.problems["message"], *error.problems["column"]])
    words = set(re.findall(r"[\w./#-]+", told))
    brought_in = {
        str(v)
        for name, table in after.items()
        for c in table
        if c in before[name]
        for v in set(table[c].astype(str)) - set(before[name][c].astype(str))
        if len(str(v)) > 1
    }
    assert not words & set(before[REGISTER]["løbenr"])
    assert not (words & brought_in) - {"#N/A"}
    assert "\n" not in str(error)


def test_repeated_rows_say_what_to_do_and_are_not_loaded(small):
    again(VISITS, 1)(small.tables)
    with pytest.raises(
        DataError, match=r"^besøg\.dta: 1 row: the same in every column .* remove the repeats, or add a"
    ):
        small.load()
    small.tables[VISITS].iloc[-1, 2] += 1  # any difference tells them apart
    assert small.load().families["n_visits"].max() == 4


def test_rows_with_a_key_are_told_by_it_alone(small):
    again(ANSWERS, 20)(small.tables)
    assert list(small.problems()["rule"]) == ["duplicate"]


def test_a_header_alone_is_enough_where_the_file_is_optional(small):
    small.tables["udgifter"] = small.tables["udgifter"].iloc[:0]
    assert small.problems().empty
    small.tables[VISITS] = small.tables[VISITS].iloc[:0]
    sources = [dataclasses.replace(s, required=s.required and s.role != "visits") for s in small.plan.sources]
    small.plan = dataclasses.replace(small.plan, sources=tuple(sources))
    assert small.load().families["n_visits"].tolist() == [0.0] * 16


def test_a_family_in_both_arms(small):
    twice_in_arms(small.tables)
    found = small.problems()
    assert dict(zip(found["rule"], found["n_rows"], strict=True)) == {"duplicate": 1, "both_arms": 2}


def test_cpr_numbers_are_refused_as_ids_too(small):
    cpr = {i: f"{n:02d}0285{4000 + n}" for n, i in enumerate(small.tables[REGISTER]["løbenr"], start=1)}
    for table, column in ((REGISTER, "løbenr"), (ANSWERS, "løbenr"), (VISITS, "loebenr")):
        small.tables[table][column] = small.tables[table][column].map(cpr)
    found = small.problems()
    assert set(found["rule"]) == {"cpr"}
    assert sorted(found["file"]) == ["besøg.dta", "familier.csv", "trivsel.sav"]
    assert not any(number in " ".join(found["message"]) for number in cpr.values())


def test_everything_wrong_is_told_at_once(small):
    for kind in ("over its range", "answer not allowed", "negative minutes", "unknown municipality"):
        VALUES[kind][0](small.tables)
    found = small.problems()
    assert sorted(found["rule"]) == ["answer_not_allowed", "out_of_range", "out_of_range", "unknown_municipality"]
    with pytest.raises(DataError, match=r"^4 problems in familier.csv, trivsel.sav, besøg.dta: list them with"):
        load_study(small.folder, small.plan)


def test_a_near_column_name_is_offered(small):
    rename(REGISTER, "indkomst", "indkmost")(small.tables)
    found = small.problems().set_index("rule")["message"]
    assert found["unknown_column"] == "the column is not declared; did you mean 'indkomst'?"
    assert "missing_column" in found.index


def test_a_file_without_header_does_not_show_its_first_row(small):
    small.write()
    (small.folder / "besøg.dta").unlink()
    small.tables[VISITS].to_csv(small.folder / "besøg.csv", index=False, header=False)
    found = check_study(small.folder, small.plan)
    assert list(zip(found["file"], found["rule"], strict=True)) == [("besøg.csv", "no_header")]
    assert "001" not in " ".join([*found["message"], *found["column"]])


def test_a_value_that_stands_as_a_column_name_is_not_shown(small):
    small.tables[REGISTER]["010190-1234"] = 1
    found = small.problems()
    assert list(found["column"]) == ["(column 8)"]


def test_ids_that_lost_their_zeros_are_told_as_such(small):
    small.tables[VISITS]["loebenr"] = small.tables[VISITS]["loebenr"].astype(int)
    found = small.problems()
    assert list(found["rule"]) == ["unknown_family"]
    assert found["message"][0].endswith("they have lost leading zeros: store ids as text")


def test_a_family_in_the_registers_of_both_arms(small):
    """The register may come as one file an arm; a family in both is found across them."""
    register = small.plan.sources[0]
    second = dataclasses.replace(register, id="register_2", file="familier_2")
    small.plan = dataclasses.replace(small.plan, sources=(register, second, *small.plan.sources[1:]))
    whole = small.tables[REGISTER]
    small.tables[REGISTER] = whole[whole["gruppe"] == 1]
    control = whole[whole["gruppe"] == 0]
    small.write()
    control.to_csv(small.folder / "familier_2.csv", index=False, sep=";")
    assert check_study(small.folder, small.plan).empty
    pd.concat([control, whole.iloc[[0]].assign(gruppe=0)]).to_csv(small.folder / "familier_2.csv", index=False, sep=";")
    found = check_study(small.folder, small.plan)
    assert set(found["file"]) == {"familier.csv + familier_2.csv"}
    assert dict(zip(found["rule"], found["n_rows"], strict=True)) == {"both_arms": 2, "duplicate": 1}


LABELS = {
    "turned round": ({1: "Nej", 2: "Ja"}, ["labels_differ"]),
    "shifted by one": ({0: "Ja", 1: "Nej"}, ["labels_differ"]),
    "other case and blanks": ({1: "JA ", 2: "nej"}, []),
    "our own names": ({1: "yes", 2: "no"}, []),
    "only some": ({2: "Nej"}, []),
    "a missing code labelled": ({1: "Ja", 2: "Nej", 99: "Uoplyst"}, []),
}


@pytest.mark.parametrize("case", LABELS)
def test_value_labels_must_say_what_is_declared(small, case):
    import pyreadstat

    labels, rules = LABELS[case]
    small.write()
    table = small.tables[ANSWERS]
    pyreadstat.write_sav(table, small.folder / "trivsel.sav", variable_value_labels={"arbejde": labels})
    assert list(check_study(small.folder, small.plan)["rule"]) == rules


def test_a_code_marked_missing_that_is_a_declared_answer(small):
    import pyreadstat

    small.write()
    pyreadstat.write_sav(small.tables[ANSWERS], small.folder / "trivsel.sav", missing_ranges={"arbejde": [2]})
    found = check_study(small.folder, small.plan)
    assert list(found["rule"]) == ["missing_differ"]
    assert found["n_rows"][0] == (small.tables[ANSWERS]["arbejde"] == 2).sum()


def test_municipalities_that_are_not_the_plans(small, tmp_path):
    small.write()
    (small.folder / "kommuner.sas7bdat").unlink()
    pd.DataFrame(
        {"kommune": ["Ærø", "Åbenrå", "Sønderby"], "aar": [2021, 2022, 2022],
         "dato": ["2021-03-01", "2021-03-01", "2022-03-01"], "lod": [1, 1, 0]}
    ).to_csv(small.folder / "kommuner.csv", index=False)  # fmt: skip
    found = check_study(small.folder, small.plan)
    assert list(zip(found["column"], found["rule"], found["n_rows"], strict=True)) == [
        ("kommune", "municipality_absent", 1),
        ("aar", "municipality_differs", 1),
        ("lod", "municipality_differs", 1),
    ]


FILES = {
    "missing": (lambda f: (f / "trivsel.sav").unlink(), "trivsel", "missing_file"),
    "misspelt": (lambda f: (f / "trivsel.sav").rename(f / "trivssel.sav"), "trivsel", "missing_file"),
    "optional, misspelt": (lambda f: (f / "udgifter.xlsx").rename(f / "udgift.xlsx"), "udgifter", "missing_file"),
    "unknown suffix": (lambda f: (f / "trivsel.sav").rename(f / "trivsel.pdf"), "trivsel.pdf", "unknown_suffix"),
    "twice": (lambda f: (f / "trivsel.csv").write_text("a;b\n1;2\n"), "trivsel", "two_files"),
    "0 bytes": (lambda f: (f / "familier.csv").write_bytes(b""), "familier.csv", "unreadable"),
    "white space": (lambda f: (f / "familier.csv").write_bytes(b" \r\n\r\n"), "familier.csv", "unreadable"),
    "cut off": (
        lambda f: (f / "trivsel.sav").write_bytes((f / "trivsel.sav").read_bytes()[:-40]), "trivsel.sav", "unreadable"),
    "cut off, Stata": (
        lambda f: (f / "besøg.dta").write_bytes((f / "besøg.dta").read_bytes()[:-20]), "besøg.dta", "unreadable"),
    "cut off, SAS": (
        lambda f: (f / "kommuner.sas7bdat").write_bytes((f / "kommuner.sas7bdat").read_bytes()[:9000]),
        "kommuner.sas7bdat", "unreadable"),
    "cut off, Excel": (
        lambda f: (f / "udgifter.xlsx").write_bytes((f / "udgifter.xlsx").read_bytes()[:-900]),
        "udgifter.xlsx", "unreadable"),
    "noise": (lambda f: (f / "trivsel.sav").write_bytes(bytes(range(256)) * 9), "trivsel.sav", "unreadable"),
    "protected": (
        lambda f: (f / "udgifter.xlsx").write_bytes(b"\xd0\xcf\x11\xe0" + b"0" * 900), "udgifter.xlsx", "unreadable"),
    "a folder": (
        lambda f: ((f / "udgifter.xlsx").unlink(), (f / "udgifter.xlsx").mkdir()), "udgifter.xlsx", "unreadable"),
    "a zip as CSV": (
        lambda f: (f / "familier.csv").write_bytes((f / "udgifter.xlsx").read_bytes()), "familier.csv", "unreadable"),
    "delimiter not clear": (
        lambda f: (f / "familier.csv").write_text("a;b,c\n1;2,3\n"), "familier.csv", "unreadable"),
    "quote left open": (
        lambda f: (f / "familier.csv").write_text('a;b\n1;"2\n3;4\n'), "familier.csv", "unreadable"),
    "name twice": (lambda f: (f / "familier.csv").write_text("a;a\n1;2\n"), "familier.csv", "duplicate_column"),
    "nameless column": (lambda f: (f / "familier.csv").write_text("a;\n1;2\n"), "familier.csv", "no_header"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_used_is_one_sentence(small, kind):
    spoil, file, rule = FILES[kind]
    small.write()
    spoil(small.folder)
    found = check_study(small.folder, small.plan)
    assert list(zip(found["file"], found["rule"], strict=True)) == [(file, rule)]
    sentence = str(DataError(found))
    assert sentence.startswith(file)
    assert len(sentence) < 200 and "\n" not in sentence


def test_a_ragged_csv_counts_its_rows(small):
    small.write()
    lines = (small.folder / "familier.csv").read_bytes().split(b"\n")
    lines[3] = lines[3].rsplit(b";", 1)[0]
    lines[-2] = lines[-2][:6]
    (small.folder / "familier.csv").write_bytes(b"\n".join(lines))
    found = check_study(small.folder, small.plan)
    assert [tuple(r) for r in found[["file", "rule", "n_rows"]].to_numpy()] == [("familier.csv", "ragged_rows", 2)]


def test_workbooks_with_more_than_a_table(small):
    small.write()
    book = Workbook()
    book.active.append(["kommune", "kroner"])
    book.active.append(["Ærø", "=1+1"])
    book.save(small.folder / "udgifter.xlsx")
    assert "formulas without a stored result" in check_study(small.folder, small.plan)["message"][0]
    book.active["B2"] = 2
    book.create_sheet("Noter").append(["husk"])
    book.save(small.folder / "udgifter.xlsx")
    assert "2 sheets with content" in check_study(small.folder, small.plan)["message"][0]
    book.active.title = "udgifter"
    book.save(small.folder / "udgifter.xlsx")
    assert load_study(small.folder, small.plan).costs["kroner"][0] == 2.0


def test_a_study_folder_that_is_none(small, tmp_path):
    with pytest.raises(DataError, match="the study folder does not exist"):
        load_study(tmp_path / "nowhere", small.plan)
    (tmp_path / "file").write_text("")
    assert list(check_study(tmp_path / "file", small.plan)["rule"]) == ["missing_folder"]
