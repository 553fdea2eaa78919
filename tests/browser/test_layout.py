"""Nothing is wider than the screen or the sheet."""

from __future__ import annotations

import pytest
from tests.browser.conftest import open_folds, settle

from mtb_eval.report.page import FILES

OVER = """(width) => [...document.querySelectorAll("main *, header *")]
  .filter((e) => !e.closest("svg, .aloud, .scroll.over, .scroll.long, .drawing.over"))
  .filter((e) => !e.closest("details:not([open]) > :not(summary)"))
  .filter((e) => e.getBoundingClientRect().right > width + 1).map((e) => `${e.tagName} ${e.closest("[id]")?.id}`)"""
BOXES = """() => [...document.querySelectorAll(".scroll, .drawing")].map((e) => ({
  over: e.scrollWidth > e.clientWidth + 1 || e.matches(".long"), stop: e.tabIndex === 0,
  name: e.getAttribute("aria-label"), id: e.parentElement.id }))"""
SEEN = "(which) => [...document.querySelectorAll(which)].filter((e) => e.checkVisibility()).map((e) => e.outerHTML)"
ON_SCREEN_ONLY = "nav, .language, .filters, .download, .up, .skip, .anchor, .more"
WIDTHS = (320, 390, 768, 1024, 1280)
SHEET = 673  # A4 in CSS pixels (794) less two margins of 16 mm


@pytest.mark.parametrize("folds", ["closed", "open"])
@pytest.mark.parametrize("language", FILES)
def test_no_page_scrolls_sideways(opened, report, language, folds):
    page = opened(report, language).page
    if folds == "open":
        open_folds(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        settle(page)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVER, width) == [], width


@pytest.mark.parametrize("width", [390, 1280])
def test_what_scrolls_on_its_own_can_be_reached_by_keyboard_and_has_a_name(opened, report, width):
    page = opened(report, width=width).page
    open_folds(page)
    boxes = page.evaluate(BOXES)
    assert [b for b in boxes if b["over"] and not (b["stop"] and b["name"])] == []
    if width > 1000:
        assert [b["id"] for b in boxes if b["stop"] and not b["over"]] == []


@pytest.mark.parametrize("language", FILES)
def test_print_has_no_navigation_no_closed_folds_and_fits_the_sheet(opened, report, language):
    page = opened(report, language, width=SHEET).page
    page.emulate_media(media="print")
    assert page.evaluate(SEEN, ON_SCREEN_ONLY) == []
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator("main details:not([open], .many > details)").count() == 0
    assert page.locator("#outcomes .unprinted").first.is_visible()
    assert page.evaluate(OVER, SHEET) == []
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details[open]").count() == 0


def test_what_is_open_prints(opened, report):
    page = opened(report, width=SHEET).page
    page.locator("#effects-table tbody th a").first.click()
    page.emulate_media(media="print")
    assert page.locator("#outcomes details[open] table").first.is_visible()


def test_the_banner_keeps_its_height_whatever_became_of_the_window(opened, report):
    page = opened(report).page
    height = "() => document.querySelector('.banners').offsetHeight"
    before = page.evaluate(height)
    page.set_viewport_size({"width": 130, "height": 700})
    settle(page)
    assert page.evaluate(height) > before
    page.set_viewport_size({"width": 1280, "height": 844})
    settle(page)
    page.locator("#design").screenshot()
    assert page.evaluate(height) == before
