"""Another study, described in TOML and written as files, that no line of the package knows of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

PLAN = """
id = "calm-start"
title = { en = "Calm <Start> & more", da = "Rolig start på æøå" }
summary = { en = "Parent groups in five districts.", da = "Forældregrupper i fem distrikter." }
registration = ""
source = "made for a test"
recruited_from = 2020-01-01
recruited_to = 2021-12-31
minimum_age = 18
level = 0.9
calendar_df = 2
disclosure_threshold = 3
arms = [
  { id = "mtb", code = "groups", label = { en = "Groups", da = "Grupper" } },
  { id = "control", code = "none", label = { en = "No groups", da = "Ingen grupper" } },
]
waves = [
  { id = "t0", months = 0, label = { en = "Start", da = "Start" } },
  { id = "t1", months = 18, label = { en = "18 months", da = "18 måneder" } },
]
municipalities = [
  { code = "Nord", training_wave = 2020, trained_on = 2020-06-01, randomised = true },
  { code = "Syd", training_wave = 2020, trained_on = 2020-06-01, randomised = true },
  { code = "Øst", training_wave = 2021, trained_on = 2021-03-01, randomised = true },
  { code = "Vest", training_wave = 2021, trained_on = 2021-03-01, randomised = false },
  { code = "Midt", training_wave = 2021, trained_on = 2021-03-01, randomised = false },
]
covariates = [{ column = "parent_age", label = { en = "Age", da = "Alder" } }]
populations = []
families = [{ id = "mood", label = { en = "Mood", da = "Humør" } }]

[verdicts]
significant = 0.05
tendency = 0.10
decides = "satterthwaite"
p_disagreement = 0.03
status = "assumed"
source = "test"

[[outcomes]]
id = "calm_t1"
family = "mood"
wave = "t1"
column = "calm"
kind = "continuous"
better = "higher"
baseline = "calm_t0"
primary = true
label = { en = "Calm \\"today\\" <18 m>", da = "Ro & nærvær" }
unit = { en = "points", da = "point" }
status = "assumed"
source = "test"

[[outcomes]]
id = "sleeps_t1"
family = "mood"
wave = "t1"
column = "sleeps"
kind = "binary"
better = "higher"
label = { en = "Sleeps", da = "Sover" }
unit = { en = "share", da = "andel" }
status = "assumed"
source = "test"
"""

SOURCES = """
[[sources]]
id = "register"
role = "families"
file = "people"
label = { en = "Register", da = "Register" }
unique = ["family_id"]
columns = [
  { name = "family_id", column = "nr", type = "id" },
  { name = "municipality", column = "distrikt", type = "municipality" },
  { name = "arm", column = "tilbud", type = "arm" },
  { name = "recruited_on", column = "start", type = "date" },
  { name = "born_on", column = "født", type = "date" },
  { name = "parent_age", column = "alder", type = "decimal", low = 15, high = 70 },
]

[[sources]]
id = "first"
role = "questionnaire"
file = "answers_t0"
wave = "t0"
label = { en = "Start", da = "Start" }
unique = ["family_id"]
instruments = ["calm"]
columns = [{ name = "family_id", column = "nr", type = "id" }]

[[sources]]
id = "second"
role = "questionnaire"
file = "answers_t1"
wave = "t1"
label = { en = "Later", da = "Senere" }
unique = ["family_id"]
instruments = ["calm"]
missing_codes = { 99 = "missing" }
columns = [
  { name = "family_id", column = "nr", type = "id" },
  { name = "sleep", type = "category", categories = [
    { code = 1, name = "yes", label = "Ja" },
    { code = 2, name = "no", label = "Nej" },
  ] },
]

[[variables]]
id = "sleeps"
column = "sleep"
waves = ["t1"]
kind = "binary"
true = ["yes"]
label = { en = "Sleeps", da = "Sover" }
source = "test"
"""

CALM = """
id = "calm"
prefix = "c"
n_items = 4
status = "assumed"
source = "test"
label = { en = "Calm", da = "Ro" }
answers = { 1 = "Nej", 2 = "Lidt", 3 = "Ja" }

[[scales]]
id = "calm"
label = { en = "Calm", da = "Ro" }
items = [1, 2, 3, 4]
reversed_items = [4]
min_answered = 3
prorate = true
better = "higher"
low = 4.0
high = 12.0
source = "test"
"""


def write_plan(folder: Path) -> Path:
    """Write the study description."""
    (folder / "instruments").mkdir(parents=True)
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    (folder / "sources.toml").write_text(SOURCES, encoding="utf-8")
    (folder / "instruments" / "calm.toml").write_text(CALM, encoding="utf-8")
    return folder


def write_files(folder: Path, *, n: int = 120) -> Path:
    """Write the study files: CSV with decimal commas, Excel, Stata."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    people = _people(n, rng)
    people.to_csv(folder / "people.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    _answers(people, rng).to_excel(folder / "answers_t0.xlsx", index=False)
    later = _answers(people[rng.random(n) < 0.8], rng)
    later["sleep"] = rng.choice([1, 2, 99], size=len(later), p=[0.6, 0.35, 0.05])
    later.to_stata(folder / "answers_t1.dta", write_index=False)
    return folder


def _people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    start = pd.Timestamp("2020-01-10") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    place = rng.choice(["Nord", "Syd", "Øst", "Vest", "Midt"], n)
    trained = pd.to_datetime(np.where(np.isin(place, ["Nord", "Syd"]), "2020-06-01", "2021-03-01"))
    offered = (start >= trained) & (rng.random(n) < 0.85)
    return pd.DataFrame(
        {
            "nr": [f"F{i:03d}" for i in range(n)],
            "distrikt": place,
            "tilbud": np.where(offered, "groups", "none"),
            "start": start.strftime("%d-%m-%Y"),
            "født": (start + pd.Timedelta(days=90)).strftime("%d-%m-%Y"),
            "alder": np.round(rng.normal(29, 5, n).clip(18, 45), 1),
        }
    )


def _answers(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    items = {f"c{k:02d}": rng.integers(1, 4, len(people)) for k in range(1, 5)}
    return pd.DataFrame({"nr": people["nr"].to_numpy(), **items})
