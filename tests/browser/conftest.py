"""Reports to open, and the system's Chromium to open them in; `make browser-test` sets up both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from tests.report.example import example_results

from mtb_eval.cli import main
from mtb_eval.report import Provenance, write_report
from mtb_eval.report.page import FILES
from mtb_eval.study import Plan, Text, load_plan

ROOT = Path(__file__).parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ODD = Text(en='Calm "now" <b>& more</b> æøå', da="Ro & 'nærvær' <i>ÆØÅ</i>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A page and what it did while it was open: messages of errors, and addresses it asked for besides its own."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Open = Callable[..., Opened]
OPEN_FOLDS = "() => document.querySelectorAll('details').forEach((d) => { d.open = true; })"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


def open_folds(page: Page) -> None:
    """Open all details, and let the page answer."""
    page.evaluate(OPEN_FOLDS)
    settle(page)


def settle(page: Page) -> None:
    """Let the page answer to what was done to it."""
    page.evaluate(TWO_FRAMES)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = [path for name in CHROMIUM if (path := shutil.which(name))]
    if not found:
        pytest.exit("no Chromium on the path; `make browser-test` installs Debian's", returncode=2)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found[0])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    """The folder of the shipped study's report: build/report if it is newer than the code, else made now (45 s)."""
    named = os.environ.get("MTB_EVAL_REPORT")
    built = Path(named) if named else ROOT / "build" / "report"
    if named or _is_fresh(built / "manifest.json"):
        return built
    out = tmp_path_factory.mktemp("shipped") / "report"
    assert main(["report", str(ROOT / "data" / "synthetic"), "--out", str(out)]) == 0
    return out


def _is_fresh(manifest: Path) -> bool:
    sources = [p for p in (ROOT / "src").rglob("*") if p.suffix != ".pyc" and p.is_file()]
    return manifest.exists() and manifest.stat().st_mtime > max(p.stat().st_mtime for p in sources)


@pytest.fixture(scope="session")
def odd_report(tmp_path_factory) -> Path:
    """The folder of a report in which every other outcome has no numbers, and labels hold <, &, quotes and æøå."""
    full = load_plan()
    outcomes = tuple(replace(o, label=ODD) if n % 3 == 0 else o for n, o in enumerate(full.outcomes))
    plan = replace(full, outcomes=outcomes, title=ODD, claims=full.claims[::9])
    out = tmp_path_factory.mktemp("odd") / "report"
    write_report(_half(plan), plan, out=out, provenance=Provenance(synthetic=True))
    return out


@pytest.fixture(scope="session")
def internal_report(tmp_path_factory) -> Path:
    """The folder of a report that shows every count."""
    plan = load_plan()
    out = tmp_path_factory.mktemp("internal") / "report"
    write_report(example_results(plan), plan, out=out, provenance=Provenance(synthetic=True, internal=True))
    return out


def _half(plan: Plan):
    """Return example results in which every other outcome could not be estimated."""
    full = example_results(plan)
    lost = {o.id for o in plan.outcomes[::2]}
    outcomes, effects = full.outcomes.copy(), full.effects.copy()
    for frame in (outcomes, effects):
        gone = frame["outcome"].isin(lost)
        for column in frame.select_dtypes("number").columns:
            frame[column] = frame[column].astype("float64").mask(gone)
        for column in (c for c in frame.columns if c.endswith("_verdict")):
            frame[column] = frame[column].mask(gone, "not estimable")
    effects["error"] = effects["error"].astype(object).mask(effects["outcome"].isin(lost), "no family has an answer")
    failures = effects.loc[effects["outcome"].isin(lost), ["outcome", "estimand", "estimator", "error"]]
    return replace(full, outcomes=outcomes, effects=effects, failures=failures)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open a page of a report folder; everything but the report's own two pages is refused and remembered."""
    contexts = []

    def open_page(folder: Path, language: str = "en", *, width: int = 1280, **options: object) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 844}, **options)
        contexts.append(context)
        one = Opened(page=context.new_page())
        own = {(folder / name).as_uri() for name in FILES.values()}

        def judge(route: Route) -> None:
            if route.request.url.split("#")[0] in own:
                route.continue_()
            else:
                one.requests.append(route.request.url)
                route.abort()

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                one.errors.append(message.text)

        context.route("**/*", judge)
        one.page.on("console", hear)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        one.page.goto((folder / FILES[language]).as_uri())
        return one

    yield open_page
    for context in contexts:
        context.close()
