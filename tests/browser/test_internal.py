"""The internal edition: it says on the screen, on paper and over each figure that it must stay where it is."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.conftest import open_folds, settle
from tests.browser.test_accessibility import TRIMMED

from mtb_eval.report.page import FILES
from mtb_eval.report.words import words

ON_PAPER = """() => [...document.styleSheets].flatMap((s) => [...s.cssRules])
  .filter((r) => r instanceof CSSPageRule).map((r) => r.cssText).join(" ")"""


@pytest.mark.parametrize("language", FILES)
def test_the_mark_stays_in_view_goes_to_paper_and_stands_over_every_figure(opened, internal_report, language):
    one = opened(internal_report, language)
    said = words(language).texts
    banner = one.page.locator(".banner").first
    for place in (0, 0.5, 1):
        one.page.evaluate("(share) => scrollTo(0, share * document.body.scrollHeight)", place)
        settle(one.page)
        box = banner.bounding_box()
        assert box is not None and 0 <= box["y"] < 40
    assert banner.inner_text() == f"{said['internal.banner']} {said['internal.banner_text']}"
    assert said["internal.banner_text"] in one.page.evaluate(ON_PAPER)
    open_folds(one.page)
    pictures = one.page.locator(".picture svg").all_text_contents()
    assert len(pictures) > 20
    assert [p[:80] for p in pictures if said["internal.tag"] not in p] == []
    assert one.errors == []


def test_axe_finds_nothing_serious(opened, internal_report):
    page = opened(internal_report).page
    open_folds(page)
    page.evaluate(TRIMMED)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_the_manifest_says_so(internal_report):
    assert json.loads((internal_report / "manifest.json").read_text(encoding="utf-8"))["internal"] is True
