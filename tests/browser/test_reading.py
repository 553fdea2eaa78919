"""Finding one's way: contents, links, anchors, headings, keyboard, languages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.browser.conftest import settle

from mtb_eval.report.page import FILES

WIDE, NARROW = 1280, 390
NAMED = """() => [...document.querySelectorAll('main > section')]
  .map((s) => s.querySelector('h2').id === s.getAttribute('aria-labelledby'))"""
STOP = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return { what: e.outerHTML.slice(0, 80), seen: outline && inside };
}"""


@pytest.mark.parametrize("language", FILES)
def test_every_inner_link_has_its_target_and_ids_are_unique(opened, report, language):
    page = opened(report, language).page
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((e) => e.id)")
    links = page.evaluate("() => [...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.hash.slice(1))")
    assert len(ids) == len(set(ids))
    assert set(links) - set(ids) == set()
    assert len(links) > 100


@pytest.mark.parametrize("language", FILES)
def test_headings_follow_each_other_and_each_section_is_named_by_its_own(opened, report, language):
    page = opened(report, language).page
    levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    named = page.evaluate(NAMED)
    assert all(named)


@pytest.mark.parametrize("language", FILES)
def test_contents_stand_at_the_side_or_folded(opened, report, language):
    page = opened(report, language, width=WIDE).page
    assert page.locator("nav.side").is_visible()
    assert page.locator("nav.folded").is_hidden()
    listed = page.locator("nav.side a").evaluate_all("links => links.map((a) => a.hash.slice(1))")
    assert listed == page.locator("main > section").evaluate_all("all => all.map((s) => s.id)")
    page.set_viewport_size({"width": NARROW, "height": 844})
    assert page.locator("nav.side").is_hidden()
    page.locator("nav.folded summary").click()
    page.locator("nav.folded a").nth(3).click()
    assert page.url.endswith(f"#{listed[3]}")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_section_in_view_is_marked_and_its_title_stays(opened, report, width):
    page = opened(report, width=width).page
    page.evaluate("() => document.getElementById('claims').scrollIntoView()")
    page.mouse.wheel(0, 900)
    settle(page)
    title = page.locator("#claims h2").bounding_box()
    assert 0 <= title["y"] < 120
    assert page.locator(".banner").bounding_box()["y"] == 0
    if width == WIDE:
        assert page.locator("nav.side a[aria-current]").get_attribute("href") == "#claims"


@pytest.mark.parametrize(("language", "other"), [("en", "da"), ("da", "en")])
def test_the_language_switch_keeps_the_place(opened, report, language, other):
    one = opened(report, language)
    switch = one.page.locator("[data-language]")
    assert switch.get_attribute("hreflang") == other == switch.get_attribute("lang")
    one.page.evaluate("() => { location.hash = 'figure-forest'; }")
    settle(one.page)
    switch.evaluate("a => a.click()")
    one.page.wait_for_url(f"**/{FILES[other]}#figure-forest")
    assert one.page.locator("html").get_attribute("lang") == other
    one.page.evaluate(
        "() => { history.replaceState(null, '', location.pathname); document.getElementById('dose').scrollIntoView(); }"
    )
    settle(one.page)
    one.page.locator("[data-language]").evaluate("a => a.click()")
    one.page.wait_for_url(f"**/{FILES[language]}#dose")
    top = one.page.locator("#dose h2").bounding_box()["y"]
    assert 0 <= top < 200
    assert one.errors == []


def test_a_link_into_a_fold_opens_it(opened, report):
    page = opened(report).page
    link = page.locator("#effects-table tbody th a").nth(4)
    target = page.locator(link.get_attribute("href"))
    assert not target.is_visible()
    link.click()
    settle(page)
    assert target.locator("table").is_visible()
    assert 0 < target.bounding_box()["y"] < 300


def test_every_heading_figure_table_and_fold_has_its_own_link(opened, report):
    page = opened(report).page
    own = page.evaluate(
        """() => [...document.querySelectorAll("main > section:not(#summary), figure, .table, main details")]
        .filter((e) => ![...e.querySelectorAll(".anchor")].some((a) => a.hash === `#${e.id}`)).map((e) => e.id)"""
    )
    assert own == []


def test_a_click_on_an_anchor_copies_the_link_and_says_so(opened, report):
    page = opened(report, permissions=["clipboard-read", "clipboard-write"]).page
    page.locator("#dose h2 .anchor").click()
    page.locator(".said:not(:empty)").wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()").endswith("report.html#dose")
    assert page.locator(".said").get_attribute("role") == "status"


def test_back_to_top_shows_once_far_down(opened, report):
    page = opened(report).page
    up = page.locator(".up")
    assert up.is_hidden()
    page.evaluate("() => document.getElementById('claims').scrollIntoView()")
    up.wait_for(state="visible")
    up.locator("a").click()
    page.wait_for_function("() => scrollY === 0")


def test_the_skip_link_is_the_first_stop_and_leads_to_the_report(opened, report):
    page = opened(report).page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_focus_is_seen_at_every_stop(opened, report, width):
    page = opened(report, width=width).page
    settle(page)
    unseen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if not stop["seen"]:
            unseen.append(stop)
    assert unseen == []
