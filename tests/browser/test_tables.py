"""Tables sort, filter and download as a reader expects, by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.browser.conftest import open_folds

from mtb_eval.report.page import FILES

SORTS = """() => [...document.querySelectorAll("table[data-sortable]")].flatMap((table) => {
  const rows = () => [...table.tBodies[0].rows];
  const lang = document.documentElement.lang;
  const written = rows();
  return [...table.tHead.rows[0].cells].map((cell, k) => {
    const button = cell.querySelector("button");
    const state = () => [cell.getAttribute("aria-sort"), rows().map((r) => r.cells[k].dataset.sort ?? null)];
    const orders = [0, 1].map(() => { button.click(); return state(); });
    button.click();
    const back = cell.getAttribute("aria-sort") === null && rows().every((r, n) => r === written[n]);
    const ordered = ([, keys], sign) => {
      const known = keys.filter((key) => key !== null);
      const numbers = known.every((key) => key !== "" && !Number.isNaN(Number(key)));
      const fits = (a, b) => (numbers ? a - b : a.localeCompare(b, lang)) * sign <= 0;
      return keys.lastIndexOf(null) === -1 || keys.slice(keys.indexOf(null)).every((key) => key === null)
        ? known.every((key, n) => n === 0 || fits(known[n - 1], key)) : false;
    };
    return {
      where: `${table.closest(".table").id}: ${cell.textContent}`, back, states: orders.map(([said]) => said),
      up: ordered(orders[0], 1), down: ordered(orders[1], -1), size: orders[0][1].length,
    };
  });
})"""


@pytest.mark.parametrize("language", FILES)
def test_every_sortable_table_sorts_by_each_column_up_down_and_back(opened, report, language):
    columns = opened(report, language).page.evaluate(SORTS)
    assert len(columns) > 50
    assert [c for c in columns if not (c["up"] and c["down"] and c["back"])] == []
    assert {tuple(c["states"]) for c in columns} == {("ascending", "descending")}
    assert max(c["size"] for c in columns) > 20


def test_sorting_by_keyboard(opened, report):
    page = opened(report).page
    heading = page.locator("#effects-table thead th").nth(2)
    first = page.locator("#effects-table tbody tr").first
    written = first.inner_text()
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert first.inner_text() != written
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert first.inner_text() == written


@pytest.mark.parametrize("language", FILES)
def test_filters_narrow_the_table_say_how_many_rows_are_left_and_can_be_taken_back(opened, report, language):
    page = opened(report, language).page
    table = page.locator("#effects-table")
    rows, said, clear = table.locator("tbody tr"), table.locator("output"), table.locator("[data-clear]")
    n = rows.count()
    assert clear.is_hidden()
    family = table.locator("select").first
    value = family.locator("option").nth(2).get_attribute("value")
    family.select_option(value)
    shown = table.locator("tbody tr:visible")
    assert 0 < shown.count() < n
    assert {r.get_attribute("data-family") for r in shown.all()} == {value}
    numbers = [w for w in said.inner_text().split() if w.isdigit()]
    assert numbers == [str(shown.count()), str(n)]
    assert said.get_attribute("aria-live") == "polite"
    clear.click()
    assert table.locator("tbody tr:visible").count() == n
    assert clear.is_hidden()


def test_verdict_and_words_narrow_further(opened, report):
    page = opened(report).page
    table = page.locator("#effects-table")
    verdict = table.locator("select").nth(1)
    value = verdict.locator("option").nth(1).get_attribute("value")
    verdict.select_option(value)
    shown = table.locator("tbody tr:visible")
    assert {r.get_attribute("data-verdict") for r in shown.all()} == {value}
    label = shown.last.locator("th a").inner_text()
    table.locator("[data-search]").fill(f"  {label.upper()} ")
    assert [r.locator("th a").inner_text() for r in shown.all()] == [label]
    table.locator("[data-search]").fill("no outcome is called this")
    assert shown.count() == 0
    assert table.locator("output").inner_text().startswith("0 ")


def test_a_link_to_a_row_that_a_filter_hides_shows_it(opened, report):
    page = opened(report).page
    table = page.locator("#claims-table")
    table.locator("[data-search]").fill("no statement says this")
    link = page.locator("dl.grid a").nth(5)
    link.click()
    assert page.locator(link.get_attribute("href")).is_visible()


def test_downloads_are_the_files_of_the_report_byte_for_byte(opened, report):
    one = opened(report, accept_downloads=True)
    open_folds(one.page)
    links = {a.get_attribute("data-table"): a for a in one.page.locator("a[data-table]").all()}
    assert len(links) > 20
    for name, link in links.items():
        with one.page.expect_download() as download:
            link.click()
        assert download.value.suggested_filename == f"{name}.csv"
        assert Path(download.value.path()).read_bytes() == (report / "tables" / f"{name}.csv").read_bytes(), name
    assert one.errors == []


def test_large_tables_are_linked_as_files(opened, report):
    links = opened(report).page.locator("a[download]:not([data-table])")
    for link in links.all():
        assert (report / link.get_attribute("href")).stat().st_size > 200_000
