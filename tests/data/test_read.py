"""Files as programs write them: what is read is what stood there, codes and labels and letters."""

from __future__ import annotations

import datetime as dt
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from openpyxl import Workbook

from mtb_eval.data import READERS, DataError, UserMissing, read_table

FIXTURES = Path(__file__).parent / "fixtures"
LETTERS = ["Ærø", "Åbenrå", "blå bølge"]


def csv(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode(encoding))
    return read_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_in_any_encoding_and_delimiter(tmp_path, encoding, delimiter):
    lines = [["id", "by"], ["007", "Ærø"], ["NA", "blå bølge"]]
    found = csv(tmp_path, "\r\n".join(delimiter.join(line) for line in lines), encoding)
    assert found.frame.to_numpy().tolist() == lines[1:]
    assert list(found.frame.columns) == ["id", "by"]
    assert found.decimal == {";": ",", ",": ".", "\t": ""}[delimiter]


def test_csv_quotes_hold_delimiters_lines_and_quotes(tmp_path):
    found = csv(tmp_path, 'id;"a, b; c"\n1;"x;\ny ""z"""\n')
    assert list(found.frame.columns) == ["id", "a, b; c"]
    assert found.frame.iloc[0].tolist() == ["1", 'x;\ny "z"']


def test_csv_declared_delimiter_blank_rows_and_trailing_delimiters(tmp_path):
    found = csv(tmp_path, "sep=;\r\nid;x;\r\n1;2,5;\r\n;;\r\n\r\n2;3,5;\r\n")
    assert found.frame.to_numpy().tolist() == [["1", "2,5"], ["2", "3,5"]]


@pytest.mark.parametrize("content", [b"a;b\n\x81\xff;2\n", b"a;b\n\x00\x01;2\n"])
def test_csv_that_is_no_text(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"^t.csv: the file is not a text file"):
        read_table(tmp_path / "t.csv")


def test_sav_keeps_letters_labels_codes_and_dates(tmp_path):
    frame = pd.DataFrame(
        {
            "løbenr": ["007", "æ8", ""],
            "svar_på_spørgsmål_1": [1.0, -9.0, np.nan],
            "dag": [dt.date(2018, 6, 3), None, dt.date(1600, 1, 1)],
            "tekst": ["x" * 1001, "ukendt", "å"],
        }
    )
    labels = {"svar_på_spørgsmål_1": {1: "Rødgrød", -9: "Uoplyst"}}
    ranges = {"svar_på_spørgsmål_1": [{"lo": -99, "hi": -9}], "tekst": ["ukendt"]}
    for name in ("t.sav", "t.zsav"):
        options = {"compress": name == "t.zsav", "variable_value_labels": labels, "missing_ranges": ranges}
        pyreadstat.write_sav(frame, tmp_path / name, **options)
        found = read_table(tmp_path / name)
        assert found.frame["løbenr"].tolist() == ["007", "æ8", ""]
        assert found.frame["svar_på_spørgsmål_1"].tolist()[:2] == [1.0, -9.0]
        assert found.labels["svar_på_spørgsmål_1"] == {1.0: "Rødgrød", -9.0: "Uoplyst"}
        assert found.missing["svar_på_spørgsmål_1"] == (UserMissing(low=-99.0, high=-9.0),)
        assert found.missing["tekst"] == (UserMissing(low="ukendt", high="ukendt"),)
        assert found.frame["dag"].tolist()[0] == pd.Timestamp("2018-06-03")
        assert found.frame["tekst"][0] == "x" * 1001


def test_sav_that_does_not_keep_its_encoding_is_read_as_windows_1252(tmp_path):
    pyreadstat.write_sav(pd.DataFrame({"by": ["KQbenhavn"]}), tmp_path / "t.sav")
    content = (tmp_path / "t.sav").read_bytes()
    (tmp_path / "t.sav").write_bytes(content.replace(b"KQb", b"K\xf8b"))
    assert read_table(tmp_path / "t.sav").frame["by"][0] == "København"


def test_old_stata_in_latin_1(tmp_path):
    frame = pd.DataFrame({"by": LETTERS, "svar": pd.Categorical(["Ja", "Nej", "Blå"]), "x": [1, 2, 3]})
    frame.to_stata(tmp_path / "t.dta", version=114, write_index=False)
    found = read_table(tmp_path / "t.dta")
    assert found.frame["by"].tolist() == LETTERS
    labels = found.labels["svar"]
    assert [labels[v] for v in found.frame["svar"]] == ["Ja", "Nej", "Blå"]


@pytest.mark.parametrize("version", [117, 118, 119])
def test_newer_stata_with_dates(tmp_path, version):
    frame = pd.DataFrame({"by": LETTERS, "dag": pd.to_datetime(["2018-06-03", None, "2020-02-29"])})
    frame.to_stata(tmp_path / "t.dta", version=version, write_index=False, convert_dates={"dag": "td"})
    found = read_table(tmp_path / "t.dta").frame
    assert found["by"].tolist() == LETTERS
    assert found["dag"].tolist()[::2] == [pd.Timestamp("2018-06-03"), pd.Timestamp("2020-02-29")]


def test_stata_letters_for_missing_values_are_kept_apart_from_text(tmp_path):
    frame = pd.DataFrame({"x": pd.Series([1, "a", "b"], dtype=object), "tekst": ["a", "b", "c"]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta", missing_user_values={"x": ["a", "b"]})
    found = read_table(tmp_path / "t.dta")
    assert found.frame["x"].tolist() == [1, "a", "b"]
    assert [m.reason for m in found.missing["x"]] == [".a", ".b"]
    assert "tekst" not in found.missing


def test_sas():
    found = read_table(FIXTURES / "kommuner.sas7bdat").frame
    assert found["kommune"].tolist() == ["Ærø", "Åbenrå", "Sønderby", "Nørrevang"]
    assert found["dato"].tolist()[0] == pd.Timestamp("2021-03-01")


def test_excel_keeps_types_and_drops_what_is_blank(tmp_path):
    book = Workbook()
    rows = [["id", " by ", "dag", "x", None], ["007", "Ærø", dt.datetime(2018, 6, 3), 2.5, None], [None] * 5,
            [8, "", dt.date(2018, 6, 4), "2,5", None]]  # fmt: skip
    for row in rows:
        book.active.append(row)
    book.create_sheet("tom")
    book.save(tmp_path / "t.xlsx")
    found = read_table(tmp_path / "t.xlsx").frame
    assert list(found.columns) == ["id", "by", "dag", "x"]
    assert found["id"].tolist() == ["007", 8]
    assert found["x"].tolist() == [2.5, "2,5"]
    assert found["dag"][0] == dt.datetime(2018, 6, 3)


def test_excel_whose_stored_size_is_wrong(tmp_path):
    pd.DataFrame({"id": range(5), "x": range(5)}).to_excel(tmp_path / "a.xlsx", index=False)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<dimension ref="A1:B6"', b'<dimension ref="A1"'))
    assert read_table(tmp_path / "b.xlsx").frame.shape == (5, 2)


def test_parquet_types(tmp_path):
    table = pa.table(
        {
            "id": pa.array(["007", "8"]),
            "n": pa.array([1, None], pa.int64()),
            "ja": pa.array([True, None]),
            "dag": pa.array([dt.date(2018, 6, 3), None]),
            "pris": pa.array([Decimal("2.50"), None]),
            "by": pa.array(LETTERS[:2]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet").frame
    assert found["id"].tolist() == ["007", "8"]
    assert (found["n"][0], found["ja"][0], found["dag"][0], found["pris"][0]) == (1, True, dt.date(2018, 6, 3), 2.5)
    assert found["by"].tolist() == LETTERS[:2]
    assert found.iloc[1, 1:5].isna().all()


def test_parquet_index_and_nested_columns(tmp_path):
    pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="id")).to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").frame.columns) == ["id", "x"]
    pd.DataFrame({"x": [[1], [2]]}).to_parquet(tmp_path / "n.parquet")
    with pytest.raises(DataError, match="1 columns of lists or records"):
        read_table(tmp_path / "n.parquet")


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_every_reader_refuses_noise_and_nothing_in_one_sentence(tmp_path, suffix):
    noise = bytes(np.random.default_rng(3).integers(0, 256, 5000, dtype=np.uint8))
    for content in (b"", b"\n", noise, b"PK\x03\x04" + noise):
        path = tmp_path / f"t{suffix}"
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_table(path)
        assert str(caught.value).startswith(f"t{suffix}: the file ")
        assert len(caught.value.problems) == 1


def test_no_file_a_folder_and_an_unknown_suffix(tmp_path):
    (tmp_path / "d.csv").mkdir()
    (tmp_path / "t.ods").write_bytes(b"x")
    for name, sentence in (("no.csv", "does not exist"), ("d.csv", "is a folder"), ("t.ods", "not read; save it as")):
        with pytest.raises(DataError, match=sentence):
            read_table(tmp_path / name)


@pytest.mark.parametrize(("at", "value"), [(8, 99), (6, 1)], ids=["unknown compression", "encrypted"])
def test_a_workbook_whose_zip_is_damaged_is_refused(tmp_path, at, value):
    book = Workbook()
    book.active.append(["a"])
    book.save(tmp_path / "t.xlsx")
    content = bytearray((tmp_path / "t.xlsx").read_bytes())
    for start, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        found = content.find(start)
        while found >= 0:
            content[found + at + shift] = value
            found = content.find(start, found + 1)
    (tmp_path / "t.xlsx").write_bytes(bytes(content))
    with pytest.raises(DataError, match="not a complete Excel workbook"):
        read_table(tmp_path / "t.xlsx")


def test_a_stata_file_whose_end_is_missing_is_refused(tmp_path):
    file = tmp_path / "t.dta"
    pd.DataFrame({"a": [1, 2]}).to_stata(file, write_index=False, version=118)
    whole = file.read_bytes()
    assert len(read_table(file).frame) == 2
    file.write_bytes(whole[:-20])
    with pytest.raises(DataError, match="its end is missing"):
        read_table(file)


def test_parquet_whose_own_notes_are_damaged_is_refused(tmp_path):
    table = pa.table({"a": [1, 2]}).replace_schema_metadata({"pandas": '{"columns": ['})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="not a complete parquet file"):
        read_table(tmp_path / "t.parquet")
