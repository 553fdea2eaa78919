"""A study with half of its outcomes missing and with labels full of markup still gives a sensible page."""

from __future__ import annotations

import re

import pytest
from tests.browser.conftest import ODD, open_folds

from mtb_eval.report.page import FILES


@pytest.mark.parametrize("language", FILES)
def test_labels_are_shown_as_they_are(opened, odd_report, language):
    one = opened(odd_report, language)
    shown = ODD.of(language)
    assert one.page.locator("h1").inner_text() == shown
    assert one.page.title() == shown
    assert one.page.locator("h1 b, h1 i, tbody th b, tbody th i").count() == 0
    labels = one.page.locator("#effects-table tbody th a").all_inner_texts()
    assert sum(label.startswith(shown) for label in labels) > 3
    assert one.errors == []
    assert one.requests == []


@pytest.mark.parametrize("language", FILES)
def test_missing_outcomes_are_said_and_nothing_is_shown_as_nan_or_none(opened, odd_report, language):
    page = opened(odd_report, language).page
    open_folds(page)
    text = page.locator("main").inner_text()
    assert re.findall(r"\b(?:nan|NaN|null|undefined|inf)\b|\{\w+\}|^None$", text, flags=re.MULTILINE) == []
    assert "None" not in page.locator("td, th").all_text_contents()
    rows = page.locator("#effects-table tbody tr")
    missing = page.locator("#effects-table tbody tr[data-verdict='not estimable']")
    assert 10 < missing.count() < rows.count()
    table = page.locator("#effects-table")
    table.locator("select").nth(1).select_option("not estimable")
    assert table.locator("tbody tr:visible").count() == missing.count()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_keeps_its_shape(opened, odd_report, width):
    page = opened(odd_report, width=width).page
    open_folds(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
