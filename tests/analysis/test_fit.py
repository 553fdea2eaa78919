"""`fit` on any table: R's numbers, streaming, and refusals in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from mtb_eval.analysis.fit import METHODS, fit
from mtb_eval.analysis.fit_table import FitError
from mtb_eval.cli import main
from mtb_eval.data.dialect import dialect_of
from mtb_eval.data.raw import UnreadableError
from mtb_eval.data.stream import StreamError

TOY = Path(__file__).parents[1] / "reference" / "mtbtoy.csv"
MODEL = {"y": "y", "treat": "treat", "cluster": "muni", "x": ["y0", "x", "cal"]}


@pytest.fixture(scope="module")
def toy() -> pd.DataFrame:
    return pd.read_csv(TOY)


# R 4.2.2: clubSandwich 0.5.8, pbkrtest, lmerTest; exact wild bootstrap by enumeration over 1024 draws.
R_NUMBERS = [
    ("cr1", "se", 0.2348053556),
    ("cr1s", "se", 0.2376344378),
    ("cr2", "se", 0.2481286752),
    ("cr2", "df", 7.121313897),
    ("cr2", "p", 0.4869861937),
    ("cr2", "ci_low", -0.4028351614),
    ("cr2", "ci_high", 0.7665867441),
    ("cr2_saddlepoint", "p", 0.4822695),
    ("cr3", "se", 0.2773324785),
    ("cr3", "df", 6.714004616),
    ("cv3", "se", 0.2631006904),
    ("cv3j", "se", 0.2630976773),
    ("wcr11", "p", 578 / 1024),
    ("wcr13", "p", 580 / 1024),
    ("wcr31", "p", 570 / 1024),
    ("wcr33", "p", 566 / 1024),
    ("wcr31", "ci_low", -0.4088818),
    ("wcr31", "ci_high", 0.6980486),
    ("lmm", "se", 0.19943086),
    ("lmm", "df", 160.48788),
    ("lmm", "p", 0.21802),
    ("lmm_satterthwaite", "df", 159.5562),
    ("lmm_cr2", "se", 0.2366906),
    ("lmm_cr2", "df", 7.00623),
    ("gee_robust", "se", 0.2163780),
    ("two-stage", "p", 0.39434),
]


@pytest.mark.parametrize(("method", "column", "value"), R_NUMBERS)
def test_each_method_gives_the_number_of_r(toy, method, column, value):
    row = fit(toy, **MODEL, methods=[method]).iloc[0]
    # Mixed and GEE models: R's own optimisers agree to about 1e-6; the rest is printed to at least 6 digits.
    assert row[column] == pytest.approx(value, rel=2e-5 if method.startswith(("lmm", "gee", "two", "cr2_s")) else 2e-7)


def test_every_method_names_itself_and_succeeds(toy):
    table = fit(toy, **MODEL, methods=list(METHODS))
    assert (table["error"] == "").all()
    assert table["method"].is_unique
    assert (table["n_clusters"] == 10).all()
    assert (table["n_mtb"] + table["n_control"] == 170).all()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_streamed_file_gives_the_same_rows(toy, tmp_path, monkeypatch, suffix):
    path = tmp_path / f"toy{suffix}"
    toy.to_csv(path, index=False) if suffix == ".csv" else toy.to_parquet(path)
    monkeypatch.setattr("mtb_eval.analysis.fit_table.table_chunks", _in_chunks_of_23)
    methods = ["cr2", "cv3", "wcr31", "lmm"]
    streamed = fit(path, **MODEL, factor=["placed"], methods=methods)
    whole = fit(toy, **MODEL, factor=["placed"], methods=methods)
    numbers = ["estimate", "se", "df", "ci_low", "ci_high", "p", "n_mtb", "n_clusters"]
    np.testing.assert_allclose(streamed[numbers], whole[numbers], rtol=1e-9)


def _in_chunks_of_23(path, columns, **options):
    from mtb_eval.data.stream import table_chunks

    return table_chunks(path, columns, rows=23, **options)


IDS = {
    "leading zeros": lambda m: f"{m:02d}" if m % 2 else str(m // 2),
    "letters in the last": lambda m: f"{m:02d}" if m < 10 else "A1",
    "whole numbers": str,
    "decimals": lambda m: f"{m}.5",
}


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_text_ids_are_the_same_clusters_streamed_and_in_memory(toy, tmp_path, monkeypatch, suffix, ids):
    """Clusters 01 and 1 differ; a file's later chunks may show that ids are texts. So for the levels of factors."""
    named = toy.assign(muni=toy["muni"].str[1:].astype(int).map(IDS[ids]), placed=toy["placed"].map({0: "1", 1: "01"}))
    named = named.sort_values("muni", kind="stable")
    path = tmp_path / f"named{suffix}"
    named.to_csv(path, index=False) if suffix == ".csv" else named.to_parquet(path)
    monkeypatch.setattr("mtb_eval.analysis.fit_table.table_chunks", _in_chunks_of_23)
    methods = ["cr2", "cv3", "wcr31", "lmm"]
    streamed = fit(path, **MODEL, factor=["placed"], methods=methods)
    whole = fit(named, **MODEL, factor=["placed"], methods=methods)
    assert (streamed["n_clusters"] == toy["muni"].nunique()).all()
    numbers = ["estimate", "se", "df", "ci_low", "ci_high", "p", "n_mtb", "n_clusters"]
    np.testing.assert_allclose(streamed[numbers], whole[numbers], rtol=1e-9)


def test_the_command_keeps_text_ids_apart_for_methods_that_need_all_rows(toy, tmp_path, capsys):
    file = tmp_path / "named.csv"
    toy.assign(muni=toy["muni"].str[1:].astype(int).map(IDS["leading zeros"])).to_csv(file, index=False)
    named = ["--y", "y", "--treat", "treat", "--cluster", "muni", "--methods", "cr2,gee", "--json"]
    assert main(["fit", str(file), *named]) == 0
    assert {row["n_clusters"] for row in json.loads(capsys.readouterr().out)} == {10.0}


def test_a_method_that_needs_rows_says_so_for_a_streamed_file():
    row = fit(TOY, **MODEL, methods=["gee"]).iloc[0]
    assert "needs all rows in memory" in row["error"]
    assert np.isnan(row["estimate"])


def test_labels_order_and_scale_do_not_matter(toy):
    first = fit(toy, **MODEL)
    other = toy.sample(frac=1, random_state=3).assign(
        muni=lambda d: "m" + (d["muni"] * 7).astype(str), y=lambda d: d.y * 10
    )
    second = fit(other, **MODEL)
    np.testing.assert_allclose(second["estimate"], 10 * first["estimate"], rtol=1e-9)
    np.testing.assert_allclose(second["p"], first["p"], rtol=1e-8)


def test_missing_rows_are_left_out_and_counted(toy):
    holed = toy.astype({"x": float}).copy()
    holed.loc[:4, "x"] = np.nan
    holed.loc[5:7, "y"] = np.nan
    row = fit(holed, **MODEL, methods=["cr2"]).iloc[0]
    assert "8 of 170 rows left out for missing values" in row["warning"]
    same = fit(holed.dropna(subset=["x", "y"]), **MODEL, methods=["cr2"]).iloc[0]
    assert row["p"] == pytest.approx(same["p"], rel=1e-10)


def test_several_outcomes_give_one_row_each(toy):
    table = fit(toy, y=["y", "y0"], treat="treat", cluster="muni", methods=["cr2", "wcr31"])
    assert list(table["outcome"]) == ["y", "y", "y0", "y0"]


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        ({}, {"treat": "tret"}, "no column 'tret' in the table; did you mean 'treat'"),
        ({}, {"x": ["x", "x"]}, "more than one role"),
        ({}, {"cluster": "treat"}, "more than one role"),
        ({}, {"methods": ["cr9"]}, "unknown method 'cr9'"),
        ({"treat": 1.0}, {}, "does not vary"),
        ({"muni": 3}, {}, "one cluster only"),
        ({"x": np.inf}, {}, "170 infinite values"),
        ({"x": "a"}, {}, "is not numeric: 170 of 170 cells"),
        ({"y": np.nan}, {}, "no row is left"),
        ({"muni": np.nan}, {}, "170 rows have no cluster"),
        ({"x": np.nan}, {}, "no row can be used"),
        ({"x": lambda d: d["y0"] * 2 - 1}, {}, "collinear columns: x follow"),
        ({"x": 1e200}, {}, "170 values beyond 1e+100"),
        ({"y": lambda d: d["y"].where(d["treat"] == 1)}, {}, "only one arm has rows"),
        ({}, {"factor": ["cal", "cal"], "x": []}, "more than one role"),
        ({}, {"methods": []}, "no method is given"),
        ({}, {"level": 95}, "level 95 is not between 0 and 1"),
        ({}, {"seed": -1}, "seed -1 is below 0"),
    ],
)
def test_bad_input_is_one_clear_sentence(toy, change, arguments, says):
    with pytest.raises(FitError) as caught:
        fit(toy.assign(**change), **{**MODEL, **arguments})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_columns_than_rows_is_refused(toy):
    few = toy.groupby(["muni", "treat"]).head(1).groupby("treat").head(2)
    with pytest.raises(FitError, match=r"residual degree of freedom|collinear"):
        fit(few, **MODEL)


def test_files_that_cannot_be_streamed_are_refused(tmp_path):
    with pytest.raises(StreamError, match="does not exist"):
        fit(tmp_path / "none.csv", **MODEL)
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(StreamError, match="not complete Parquet"):
        fit(tmp_path / "broken.parquet", **MODEL)


def test_the_command_prints_json_that_holds_the_same_numbers(toy, capsys):
    code = main(
        ["fit", str(TOY), "--y", "y", "--treat", "treat", "--cluster", "muni", "--x", "y0", "x", "cal", "--json"]
    )
    rows = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [r["p"] for r in rows] == pytest.approx(fit(toy, **MODEL)["p"].tolist(), rel=1e-12)


def test_the_command_answers_bad_input_in_one_line(capsys):
    assert main(["fit", str(TOY), "--y", "y", "--treat", "nope", "--cluster", "muni"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: no column 'nope'")
    assert told.err.count("\n") == 1


def test_rows_of_weight_zero_count_nowhere(toy):
    some = toy.assign(w=np.where(np.arange(len(toy)) < 11, 0.0, 2.0))
    with_zeros = fit(some, **MODEL, weights="w", methods=["cr2"])
    without = fit(some.iloc[11:], **MODEL, weights="w", methods=["cr2"])
    assert with_zeros.loc[0, "warning"] == f"11 of {len(toy)} rows left out for missing values or weight 0"
    numbers = ["estimate", "se", "df", "p", "n_mtb", "n_control", "n_clusters"]
    np.testing.assert_allclose(with_zeros.loc[0, numbers].astype(float), without.loc[0, numbers].astype(float))


def test_outcomes_with_other_gaps_from_one_pass_are_those_fitted_alone(toy, tmp_path):
    gaps = toy.assign(z=np.where(np.arange(len(toy)) % 7 == 0, np.nan, toy["y0"]))
    gaps.to_csv(tmp_path / "gaps.csv", index=False)
    arguments = {"treat": "treat", "cluster": "muni", "methods": ["cr2", "wcr31", "lmm"]}
    for data in (gaps, tmp_path / "gaps.csv"):
        together = fit(data, y=["y", "z"], **arguments)
        alone = pd.concat([fit(data, y=k, **arguments) for k in ("y", "z")], ignore_index=True)
        pd.testing.assert_frame_equal(together, alone)


def test_a_name_alone_stands_for_a_list_of_one(toy):
    alone = fit(toy, y="y", treat="treat", cluster="muni", x="y0", methods="cr2")
    pd.testing.assert_frame_equal(alone, fit(toy, y=["y"], treat="treat", cluster="muni", x=["y0"], methods=["cr2"]))


def test_rows_are_counted_by_arm_only_where_the_treatment_is_0_or_1(toy):
    counted = fit(toy, **MODEL, methods="cr2").iloc[0]
    assert [counted["n_mtb"], counted["n_control"]] == [(toy["treat"] == 1).sum(), (toy["treat"] == 0).sum()]
    other = fit(toy.assign(treat=toy["treat"] + 1), **MODEL, methods="cr2").iloc[0]
    assert np.isnan([other["n_mtb"], other["n_control"]]).all()
    assert other["p"] == pytest.approx(counted["p"], rel=1e-9)


@pytest.mark.parametrize("method", ["cr0", "cr1", "cr1s", "cr2", "cr2_saddlepoint", "gee"])
def test_one_cluster_in_each_arm_gives_no_p_rather_than_a_p_of_0(toy, method):
    row = fit(toy.assign(muni=toy["treat"]), y="y", treat="treat", cluster="muni", methods=method).iloc[0]
    assert np.isnan([row["p"], row["ci_low"], row["ci_high"]]).all()
    assert row["warning"] or row["error"]


def test_a_constant_outcome_has_no_gee(toy):
    row = fit(toy.assign(y=3.0), **MODEL, methods="gee").iloc[0]
    assert "no variation" in row["error"]


def _written(toy: pd.DataFrame, file: Path, *, encoding: str = "utf-8", before: str = "", **options: object) -> Path:
    file.write_bytes((before + toy.to_csv(index=False, **options)).encode(encoding))
    return file


@pytest.mark.parametrize("methods", [["cr2"], ["cr2", "gee"]], ids=["streamed", "in memory"])
@pytest.mark.parametrize(
    "options",
    [
        {"sep": ";", "decimal": ","},
        {"sep": ";", "before": "sep=;\n"},
        {"sep": "\t", "encoding": "utf-16"},
        {"encoding": "cp1252"},
        {"encoding": "utf-8-sig", "quoting": 1},
        {"lineterminator": "\r\n"},
    ],
)
def test_csv_files_as_programs_write_them_give_the_same_numbers(toy, tmp_path, capsys, methods, options):
    toy = toy.rename(columns={"y": "måling"}).astype({"x": float})
    toy.loc[:3, "x"] = np.nan
    named = ["--y", "måling", "--treat", "treat", "--cluster", "muni", "--x", "x", "--methods", ",".join(methods)]
    code = main(["fit", str(_written(toy, tmp_path / "trial.csv", **options)), *named, "--json"])
    found = json.loads(capsys.readouterr().out)
    same = fit(toy, y="måling", treat="treat", cluster="muni", x="x", methods=methods)
    assert code == 0
    assert [r["p"] for r in found] == pytest.approx(same["p"].tolist(), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("y,treat,muni\n1,0,1\n2,5,1,2\n3,1,2\n", "1 row: more or fewer fields than the header"),
        ("y,treat,muni\n2,5,1,2\n3,5,1,2\n", "2 rows: more or fewer fields"),
        ("y,treat,muni\n1,0,1\n2,1\n", "1 row: more or fewer fields"),
        ('y,treat,muni\n1,0,"1\n2,1,2\n', "a quote left open"),
        ("y,y,treat,muni\n1,2,0,1\n", "a column name stands more than once"),
        ("y;treat,muni\n1,2,0,1\n", "the delimiter is not clear"),
        ("\n \n", "is empty"),
        ("y,treat,muni\n1,0,\x001\n", "not a text file"),
    ],
)
@pytest.mark.parametrize("method", ["cr2", "gee"])
def test_csv_rows_that_pandas_would_shift_or_cut_are_refused(tmp_path, capsys, text, says, method):
    (tmp_path / "trial.csv").write_text(text)
    named = ["--y", "y", "--treat", "treat", "--cluster", "muni", "--methods", method]
    assert main(["fit", str(tmp_path / "trial.csv"), *named]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_the_rows_of_a_csv_file_are_counted_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("mtb_eval.data.dialect._BLOCK", 7)
    (tmp_path / "whole.csv").write_text("a,b\n1,2\n\n33,44\n5,6")
    assert dialect_of(tmp_path / "whole.csv").delimiter == ","
    (tmp_path / "cut.csv").write_text("a,b\n1,2\n\n33,44,5\n5")
    with pytest.raises(UnreadableError) as caught:
        dialect_of(tmp_path / "cut.csv")
    assert caught.value.n_rows == 2


def test_what_an_spss_file_marks_as_missing_is_missing_in_a_fit(toy, tmp_path, capsys):
    holed = toy.astype({"y": float})
    holed.loc[:9, "y"] = 99.0
    pyreadstat.write_sav(holed, str(tmp_path / "trial.sav"), missing_ranges={"y": [99]})
    named = ["--y", "y", "--treat", "treat", "--cluster", "muni", "--methods", "cr2", "--json"]
    assert main(["fit", str(tmp_path / "trial.sav"), *named]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert row["p"] == pytest.approx(fit(holed[10:], y="y", treat="treat", cluster="muni", methods="cr2")["p"][0])
    assert "10 of 170 rows left out" in row["warning"]


def test_methods_are_read_with_blanks_and_capitals(capsys):
    named = ["--y", "y", "--treat", "treat", "--cluster", "muni"]
    assert main(["fit", str(TOY), *named, "--methods", "CR2, cv3,"]) == 0
    assert capsys.readouterr().out.count("\n") == 3


@pytest.mark.parametrize(
    ("data", "arguments", "says"),
    [
        ({"y": [1.0]}, {}, "not dict"),
        (None, {"y": []}, "at least one outcome"),
        (None, {"cluster": ["muni"]}, "by its text"),
        (None, {"y": 0}, "by its text"),
    ],
)
def test_what_is_no_table_and_no_name_is_refused(toy, data, arguments, says):
    with pytest.raises(FitError, match=says):
        fit(toy if data is None else data, **{**MODEL, **arguments})


def test_dates_are_no_covariate(toy):
    dated = toy.assign(x=pd.Timestamp("2019-01-01") + pd.to_timedelta(range(len(toy)), unit="D"))
    with pytest.raises(FitError, match="holds dates"):
        fit(dated, **MODEL)
