"""What axe-core finds: nothing serious, folded or open, wide or narrow, in both languages."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.conftest import open_folds

from mtb_eval.report.page import FILES

# Pictures are hidden from screen readers; rows and folds of the same look are judged once: axe is slow on 2,000 rows.
TRIMMED = """() => {
  document.querySelectorAll(".picture svg").forEach((e) => e.remove());
  document.querySelectorAll(".many > details:nth-of-type(n + 4)").forEach((e) => e.remove());
  document.querySelectorAll("tbody").forEach((body) => {
    const seen = new Set();
    [...body.rows].forEach((row, n) => {
      const looks = [...row.querySelectorAll("*")].map((e) => `${e.tagName}.${e.className}.${e.lang}`);
      if (n > 1 && looks.every((l) => seen.has(l))) row.remove();
      looks.forEach((l) => seen.add(l));
    });
  });
}"""


@pytest.mark.parametrize("language", FILES)
@pytest.mark.parametrize(("width", "folds"), [(1280, "closed"), (1280, "open"), (390, "open")])
def test_axe_finds_nothing_serious(opened, report, language, width, folds):
    page = opened(report, language, width=width).page
    if folds == "open":
        open_folds(page)
    page.evaluate(TRIMMED)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    worst = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], len(v["nodes"]), v["nodes"][0]["html"][:150]) for v in worst] == []
