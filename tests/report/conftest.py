"""One small study's report, written once for all tests that only read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.report.example import example_results

from mtb_eval.analysis.results import Results
from mtb_eval.report import Manifest, write_report
from mtb_eval.report.edition import Edition, Provenance, edition
from mtb_eval.report.manifest import installed_versions
from mtb_eval.report.numbers import LANGUAGES
from mtb_eval.report.pictures import Pictures, pictures
from mtb_eval.study import Plan, load_plan

KEPT = ("asqse_affect", "sdq_prosocial", "sensitivity", "withdrawal", "in_education", "placed_out_of_home")
EARLIER = ("sensitivity_12m", "epds_total_3m")
VERSIONS = installed_versions()
INPUTS = {"families.xlsx": "1" * 64, "visits.csv": "2" * 64}


@pytest.fixture(scope="session")
def plan() -> Plan:
    full = load_plan()
    kept = tuple(o for o in full.outcomes if o.id in (*KEPT, *EARLIER))
    return replace(full, outcomes=kept, claims=full.claims[::9])


@pytest.fixture(scope="session")
def results(plan: Plan) -> Results:
    return example_results(plan)


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    return Provenance(synthetic=True, seed=7, inputs=INPUTS, versions=VERSIONS)


@pytest.fixture(scope="session")
def editions(plan: Plan, results: Results, provenance: Provenance) -> dict[str, Edition]:
    return {language: edition(language, plan, results, provenance) for language in LANGUAGES}


@pytest.fixture(scope="session")
def drawn(editions: dict[str, Edition]) -> dict[str, Pictures]:
    return {language: pictures(one) for language, one in editions.items()}


@pytest.fixture(scope="session")
def written(tmp_path_factory, plan: Plan, results: Results, provenance: Provenance) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("build") / "report"
    return out, write_report(results, plan, out=out, provenance=provenance)
