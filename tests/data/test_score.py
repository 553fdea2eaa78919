"""Scoring as spec tables: the answers given, and the score that the declaration says they have."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtb_eval.data import score
from mtb_eval.study import load_plan

INSTRUMENTS = load_plan().instruments
NAN = math.nan


def answered(instrument, default, changed=None, ticks=()):
    """Return one row of answers: `default` everywhere, but for the items in `changed`; ticks of concern by item."""
    row = {instrument.item_column(k): float(default) for k in range(1, instrument.n_items + 1)}
    row |= {instrument.item_column(k): v for k, v in (changed or {}).items()}
    if instrument.concern_points:
        row |= {instrument.concern_column(k): NAN for k in range(1, instrument.n_items + 1)}
        row |= {instrument.concern_column(k): 1.0 for k in ticks}
    return pd.DataFrame([row])


def scored(name, default, changed=None, ticks=()):
    return score(answered(INSTRUMENTS[name], default, changed, ticks), INSTRUMENTS[name]).iloc[0]


def same(found, expected):
    return found == expected or (math.isnan(found) and math.isnan(expected))


# instrument, every answer, other answers, ticks, scale, score
SPEC = [
    # ASQ:SE-2, 24 months: answers 1, 2, 3 are worth 0, 5, 10; turned items 10, 5, 0; a ticked concern 5 more.
    ("asqse2_24m", 1, {}, (), "asqse_compliance", 0.0),
    ("asqse2_24m", 3, {}, (), "asqse_compliance", 10.0),
    ("asqse2_24m", 3, {}, (18,), "asqse_compliance", 15.0),
    ("asqse2_24m", 1, {}, (), "asqse_total", 100.0),  # 10 turned items x 10
    ("asqse2_24m", 3, {}, (), "asqse_total", 210.0),  # 21 others x 10
    ("asqse2_24m", 2, {}, range(1, 32), "asqse_total", 310.0),  # 31 x (5 + 5)
    ("asqse2_24m", 1, {4: 3}, (), "asqse_self_regulation", 30.0),  # turned 4, 14, 20, 25: the first now 0
    ("asqse2_24m", 1, {17: NAN}, (), "asqse_autonomy", 0.0),  # the turned item left out, 2 of 3 answered
    ("asqse2_24m", 3, {7: NAN}, (), "asqse_autonomy", 15.0),  # (0 + 10) x 3 / 2
    ("asqse2_24m", 3, {7: NAN, 17: NAN}, (), "asqse_autonomy", NAN),  # 1 of 3
    ("asqse2_24m", 2, {18: NAN}, (18,), "asqse_compliance", NAN),  # a tick on an unanswered item is no score
    ("asqse2_24m", 2, {18: NAN}, (18,), "asqse_total", 155.0),  # 150 x 31 / 30: its tick does not count
    ("asqse2_24m", 2, {1: NAN, 2: NAN, 3: NAN}, (), "asqse_total", 155.0),  # 28 answered: allowed
    ("asqse2_24m", 2, {1: NAN, 2: NAN, 3: NAN, 5: NAN}, (), "asqse_total", NAN),  # 27: not
    # SDQ 2-4: turned 7; 21, 25; 11, 14; at least 3 of 5, mean x 5, rounded half up.
    ("sdq_2_4", 0, {}, (), "sdq_peer_problems", 4.0),
    ("sdq_2_4", 2, {}, (), "sdq_peer_problems", 6.0),
    ("sdq_2_4", 0, {}, (), "sdq_conduct", 2.0),
    ("sdq_2_4", 2, {}, (), "sdq_hyperactivity", 6.0),
    ("sdq_2_4", 0, {11: 2, 14: 2}, (), "sdq_peer_problems", 0.0),
    ("sdq_2_4", 2, {}, (), "sdq_prosocial", 10.0),
    ("sdq_2_4", 1, {3: 0, 8: NAN}, (), "sdq_emotional", 4.0),  # 3 x 5 / 4 = 3.75
    ("sdq_2_4", 0, {3: 1, 8: 1, 13: NAN}, (), "sdq_emotional", 3.0),  # 2 x 5 / 4 = 2.5 is rounded up
    ("sdq_2_4", 0, {3: 1, 8: NAN, 13: NAN}, (), "sdq_emotional", 2.0),  # 1 x 5 / 3 = 1.67
    ("sdq_2_4", 0, {3: NAN, 8: NAN, 13: NAN}, (), "sdq_emotional", NAN),  # 2 of 5
    ("sdq_2_4", 0, {}, (), "sdq_peer_abnormal", 1.0),  # 4 is at the cut-off
    ("sdq_2_4", 0, {11: 1}, (), "sdq_peer_abnormal", 0.0),  # 3
    ("sdq_2_4", 0, {6: NAN, 11: NAN, 14: NAN}, (), "sdq_peer_abnormal", NAN),
    # EPDS: files hold points; 8 of 10, proportional, not rounded; cut-offs 7 and 11.
    ("epds", 3, {}, (), "epds_total", 30.0),
    ("epds", 1, {1: 0, 2: 0, 3: 0}, (), "epds_total", 7.0),
    ("epds", 1, {1: 0, 2: 0, 3: 0}, (), "epds_7", 1.0),
    ("epds", 1, {1: 0, 2: 0, 3: 0, 4: 0}, (), "epds_7", 0.0),
    ("epds", 1, {}, (), "epds_11", 0.0),
    ("epds", 1, {10: 2}, (), "epds_11", 1.0),
    ("epds", 1, {1: 2, 2: NAN}, (), "epds_total", 100 / 9),
    ("epds", 1, {1: 2, 2: NAN}, (), "epds_11", 1.0),  # 11.1 reaches 11
    ("epds", 1, {1: NAN, 2: NAN}, (), "epds_total", 10.0),
    ("epds", 1, {1: NAN, 2: NAN, 3: NAN}, (), "epds_total", NAN),
    ("epds", 1, {1: NAN, 2: NAN, 3: NAN}, (), "epds_7", NAN),
    # Childhood trauma: neglect items turned; any kind at or above its cut-off.
    ("childhood_trauma", 1, {}, (), "trauma_emotional_abuse", 5.0),
    ("childhood_trauma", 1, {}, (), "trauma_emotional_neglect", 25.0),
    ("childhood_trauma", 5, {}, (), "trauma_physical_neglect", 17.0),  # 3 x 5 + 2 x 1
    ("childhood_trauma", 1, {20: 2}, (), "exposed_sexual_abuse", 1.0),
    ("childhood_trauma", 1, {}, (), "exposed_sexual_abuse", 0.0),
    # CIB: mean of the ratings, at least 2 of 3; all 27 with the unfavourable turned.
    ("cib", 4, {}, (), "sensitivity", 4.0),
    ("cib", 4, {1: 2}, (), "sensitivity", 10 / 3),
    ("cib", 4, {1: 2, 2: NAN}, (), "sensitivity", 3.0),
    ("cib", 4, {1: NAN, 2: NAN}, (), "sensitivity", NAN),
    ("cib", 5, {}, (), "interaction_quality", (15 * 5 + 12 * 1) / 27),
    ("cib", 1, {}, (), "interaction_quality", (15 * 1 + 12 * 5) / 27),
    # The mother's own: a single item, and a mean of four of which three are needed.
    ("mother", 3, {1: 5}, (), "self_rated_health", 5.0),
    ("mother", 3, {1: NAN}, (), "self_rated_health", NAN),
    ("mother", 3, {2: NAN}, (), "partner_relationship", 3.0),
    ("mother", 3, {2: NAN, 3: NAN}, (), "partner_relationship", NAN),
]  # fmt: skip


@pytest.mark.parametrize(("instrument", "default", "changed", "ticks", "scale", "expected"), SPEC)
def test_spec_table(instrument, default, changed, ticks, scale, expected):
    assert same(scored(instrument, default, changed, ticks)[scale], expected)


# Item 20 and 21 are of sexual abuse, 9 and 11 of physical abuse; the turned items of both kinds of neglect are these:
UNEXPOSED = dict.fromkeys([5, 7, 13, 19, 28, 2, 26], 5.0)
EXPOSED = {20: 5.0}
UNKNOWN_SEXUAL = {20: NAN, 21: NAN}
UNKNOWN_PHYSICAL = {9: NAN, 11: NAN}
ANY_OF = [
    ({}, 0.0),  # all known not to
    (EXPOSED, 1.0),  # one holds
    (UNKNOWN_SEXUAL, NAN),  # none holds, one unknown
    ({**EXPOSED, **UNKNOWN_PHYSICAL}, 1.0),  # one holds, one unknown
    ({**UNKNOWN_SEXUAL, **UNKNOWN_PHYSICAL}, NAN),
]


@pytest.mark.parametrize(("changed", "expected"), ANY_OF)
def test_any_of_has_three_values(changed, expected):
    assert same(scored("childhood_trauma", 1, {**UNEXPOSED, **changed})["childhood_trauma_any"], expected)


def test_columns_are_scales_and_cutoffs_in_declared_order():
    assert list(scored("epds", 0).index) == ["epds_total", "epds_7", "epds_11"]
    assert list(scored("childhood_trauma", 1).index)[-1] == "childhood_trauma_any"


def test_cutoff_at_most_and_the_index_is_kept():
    epds = INSTRUMENTS["epds"]
    low = dataclasses.replace(epds.scales[0].cutoffs[0], id="low", at=9.0, side="at_most")
    turned = dataclasses.replace(epds, scales=(dataclasses.replace(epds.scales[0], cutoffs=(low,)),))
    rows = pd.concat([answered(epds, 0), answered(epds, 1)], ignore_index=True).set_axis(["b", "a"])
    found = score(rows, turned)
    assert list(found["low"]) == [1.0, 0.0]
    assert list(found.index) == ["b", "a"]


def test_without_prorating_missing_items_add_nothing():
    epds = INSTRUMENTS["epds"]
    plain = dataclasses.replace(epds, scales=(dataclasses.replace(epds.scales[0], prorate=False, cutoffs=()),))
    assert score(answered(epds, 2, {1: NAN}), plain)["epds_total"][0] == 18.0


def test_no_rows_give_no_scores():
    sdq = INSTRUMENTS["sdq_2_4"]
    found = score(answered(sdq, 1).iloc[:0], sdq)
    assert found.shape == (0, 6)
    assert {str(t) for t in found.dtypes} == {"float64"}


def test_undeclared_answers_and_absent_columns_are_errors():
    sdq = INSTRUMENTS["sdq_2_4"]
    with pytest.raises(ValueError, match="sdq_2_4: 2 answers are not among the declared codes"):
        score(answered(sdq, 1, {3: 7, 4: 0.5}), sdq)
    with pytest.raises(ValueError, match="1 item columns are missing, the first is 'sdq05'"):
        score(answered(sdq, 1).drop(columns="sdq05"), sdq)


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_scores_stay_within_declared_bounds_and_need_enough_items(name, data):
    instrument = INSTRUMENTS[name]
    codes = st.sampled_from([float(c) for c in instrument.answers] + [NAN])
    items = {k: data.draw(codes) for k in range(1, instrument.n_items + 1)}
    ticks = data.draw(st.sets(st.integers(1, instrument.n_items))) if instrument.concern_points else ()
    found = score(answered(instrument, 0, items, ticks), instrument).iloc[0]
    for scale in instrument.scales:
        if scale.method == "any_of":
            continue
        n = sum(not math.isnan(items[k]) for k in scale.items)
        needed = len(scale.items) if scale.min_answered is None else scale.min_answered
        assert math.isnan(found[scale.id]) == (n < needed)
        assert math.isnan(found[scale.id]) or scale.low - 1e-9 <= found[scale.id] <= scale.high + 1e-9


def test_many_rows_equal_each_row_alone():
    asq = INSTRUMENTS["asqse2_24m"]
    rng = np.random.default_rng(7)
    rows = pd.DataFrame(rng.choice([1.0, 2.0, 3.0, NAN], size=(30, 62)), columns=list(asq.columns))
    rows.iloc[:, 31:] = rng.choice([0.0, 1.0, NAN], size=(30, 31))
    alone = pd.concat([score(rows.iloc[[i]], asq) for i in range(30)])
    pd.testing.assert_frame_equal(score(rows, asq), alone)
