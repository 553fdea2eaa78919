"""Claims as JSON: whole, unrounded, nothing that is not JSON."""

from __future__ import annotations

import json
import math

import pandas as pd

from mtb_eval.report.claims_json import claims_json

CLAIMS = pd.DataFrame({"id": ["E01", "R01"], "found_da": ['æøå & "x"', ""], "value": [0.1 + 0.2, math.nan]})
CHANCES = pd.DataFrame({"claim": ["E01", "E01"], "power": [0.25, math.inf], "size": ["declared", "published"]})


def test_numbers_texts_and_chances_come_back():
    found = json.loads(claims_json(CLAIMS, CHANCES))
    assert [c["id"] for c in found] == ["E01", "R01"]
    assert found[0]["value"] == 0.1 + 0.2
    assert found[0]["found_da"] == 'æøå & "x"'
    assert found[1]["value"] is None
    assert found[0]["chances"] == [{"power": 0.25, "size": "declared"}, {"power": None, "size": "published"}]
    assert found[1]["chances"] == []
    assert json.loads(claims_json(CLAIMS.iloc[:0])) == []


def test_a_mark_stands_in_every_claim():
    assert {c["data"] for c in json.loads(claims_json(CLAIMS, CHANCES, mark="synthetic"))} == {"synthetic"}
    assert not any("data" in c for c in json.loads(claims_json(CLAIMS, CHANCES)))
