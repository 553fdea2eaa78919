"""No text of placements, services and costs is dead: each is asked for by a section or figure of some study."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from mtb_eval.report.edition import Edition, edition
from mtb_eval.report.figures.contacts import contacts
from mtb_eval.report.figures.economy import benefit, costs, plane
from mtb_eval.report.figures.placement_tests import placement_tests
from mtb_eval.report.figures.placements import placements as placements_figure
from mtb_eval.report.sections.economy import economy
from mtb_eval.report.sections.placements import placements
from mtb_eval.report.sections.services import services
from mtb_eval.report.style import house_style
from mtb_eval.report.words import words

TOPICS = ("placements", "services", "economy")
BY_DATA = ("service.", "activity.", "panalysis.", "cost_remark.", "pcause.", "pextract.")
"""Names of codes that a study's own files or an analysis write; which of them occur is up to the study."""


class Recorded(dict[str, str]):
    """Texts that remember which of them were read."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(texts)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.read.add(key)
        return super().__getitem__(key)


def _keys(topic: str) -> Iterator[str]:
    text = (resources.files("mtb_eval.report") / "texts" / "en" / f"{topic}.toml").read_text(encoding="utf-8")
    for table, rows in tomllib.loads(text).items():
        yield from (f"{table}.{key}" for key in rows)


def _with(results, **tables):
    return replace(results, detail={**results.detail, **tables})


def _drawn(results) -> Iterator[object]:
    """Yield results whose figures have different words."""
    detail = results.detail
    yield results
    tests = detail["placement_tests"][detail["placement_tests"]["source"] == "registration"].copy()
    tests.loc[tests["p"].notna(), "p"] = 0.01
    tests.loc[tests["code"] == "e-value", ["estimate", "warning"]] = [np.nan, "the risk ratio is not finite"]
    tests.loc[tests["code"] == "cox", ["code", "p", "error"]] = ["", np.nan, "an arm has no event"]
    steps = results.placement_times.copy()
    steps.loc[steps.index[-1], "at_risk"] = 40
    moves, net = detail["placement_fragility"].assign(changed=np.nan), detail["economy_net_benefit"]
    more, less = (net.assign(**{c: net[c] + by for c in ("estimate", "ci_low", "ci_high")}) for by in (1e6, -1e6))
    tables = {"placement_tests": tests, "placement_fragility": moves, "economy_net_benefit": more}
    yield replace(_with(results, **tables), placement_times=steps)
    yield replace(results, placement_times=steps.iloc[:0])
    yield _with(results, economy_net_benefit=less, service_totals=pd.DataFrame())


def _told(results) -> Iterator[object]:
    """Yield results whose sentences and tables have different words."""
    detail, counts = results.detail, results.placements
    yield replace(results, placements=counts.assign(n_mtb_events=np.nan, n_control_events=np.nan))
    yield replace(results, placements=counts.assign(n_mtb_events=0))
    summary = detail["economy_summary"]
    yield _with(
        results,
        placement_agreement=detail["placement_agreement"].iloc[:0],
        economy_summary=summary.assign(df=0.0, ci_low=np.nan, ci_high=np.nan),
    )
    yield _with(
        results,
        economy_summary=summary.assign(df=2.0),
        economy_incremental=detail["economy_incremental"].assign(shape="everywhere"),
        economy_break_even=detail["economy_break_even"].assign(reached="yes"),
        service_types=detail["service_types"].assign(n_contacts_unknown=2.0),
        service_registered=detail["service_registered"].assign(registered=20.0),
    )


def _tell(one: Edition) -> None:
    for make in (placements, services, economy):
        make(one)


def _draw(one: Edition) -> None:
    with house_style():
        for draw in (placements_figure, placement_tests, contacts, costs, plane, benefit):
            draw(one)


@pytest.fixture(scope="module")
def read(plan, results, provenance) -> set[str]:
    recorded = Recorded(words("en").texts)
    for studies, shown in ((_drawn, (_tell, _draw)), (_told, (_tell,))):
        for made in studies(results):
            one = edition("en", plan, made, provenance)
            for show in shown:
                show(replace(one, words=replace(one.words, texts=recorded)))
    return recorded.read


@pytest.mark.parametrize("topic", TOPICS)
def test_every_text_of_the_topic_is_used(read, topic):
    assert [k for k in _keys(topic) if k not in read and not k.startswith(BY_DATA)] == []
