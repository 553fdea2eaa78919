"""A report opens in silence: no error, no request, nothing that needs scripts to be read."""

from __future__ import annotations

import pytest

from mtb_eval.report.page import FILES

EVERYTHING = """() => {
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  document.querySelectorAll("thead button").forEach((b) => b.click());
  document.querySelectorAll(".filters select").forEach((s) => {
    s.selectedIndex = 1; s.dispatchEvent(new Event("input", { bubbles: true }));
  });
}"""
LIMIT = 3_000_000


@pytest.mark.parametrize("language", FILES)
def test_a_report_opens_and_works_without_an_error_or_a_request(opened, report, language):
    one = opened(report, language)
    one.page.evaluate(EVERYTHING)
    one.page.emulate_media(media="print")
    one.page.pdf()
    assert one.errors == []
    assert one.requests == []


def test_a_page_may_not_ask_the_network_even_if_told_to(opened, report):
    one = opened(report)
    one.page.evaluate(
        "() => { new Image().src = 'https://example.org/a.png'; fetch('https://example.org/').catch(() => 0); }"
    )
    one.page.wait_for_timeout(300)
    assert one.requests == []
    assert any("Content Security Policy" in e for e in one.errors)


@pytest.mark.parametrize("language", FILES)
def test_a_page_is_small(report, language):
    assert (report / FILES[language]).stat().st_size < LIMIT


@pytest.mark.parametrize("language", FILES)
def test_a_report_can_be_read_without_scripts(opened, report, language):
    one = opened(report, language, java_script_enabled=False)
    page = one.page
    assert page.locator("h1").is_visible()
    sections = page.locator("main > section")
    assert sections.count() > 10
    assert page.locator("main > section:visible").count() == sections.count()
    assert page.locator("#effects-table tbody tr").first.is_visible()
    assert page.locator("#effects-table .filters").is_hidden()
    assert page.locator("#effects-table thead button").count() == 0
    page.locator("main details > summary").first.click()
    assert page.locator("main details").first.get_attribute("open") is not None
    linked = page.locator("a[download]").evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    assert len(linked) > 20
    assert [name for name in linked if not (report / name).is_file()] == []
    assert one.errors == []
