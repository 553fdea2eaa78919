"""The arguments of the command line."""

from __future__ import annotations

import argparse
import math
import os
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EPILOG = """exit codes:
  0  done; for compare: no difference; for check: no problem; for claims: none differs
  1  compare: the tables differ; check: problems found; claims: a claim differs
  2  the input cannot be used (one sentence says why); nothing already written was touched
  3  everything was written, but the model of a primary outcome failed
"""
STUDY_HELP = "folder with the study files (default: data/synthetic)"


def parser() -> argparse.ArgumentParser:
    """Return the parser; the parsed namespace has `command`, the name of the command to run."""
    made = argparse.ArgumentParser(
        prog="mtb-eval",
        description="Reproduces the evaluation of Minding the Baby and says which of its numbers to believe.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    _add_report(commands)
    _add_effects(commands)
    _add_check(commands)
    _add_synth(commands)
    _add_claims(commands)
    _add_compare(commands)
    _add_fit(commands)
    return made


def _command(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=text)


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", nargs="?", default="data/synthetic", help=STUDY_HELP)
    parser.add_argument("--plan", help="folder with plan.toml, sources.toml, instruments/ (default: Minding the Baby)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _whole(text: str, least: int) -> int:
    number = int(text) if text.strip().isdecimal() else least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} or more")
    return number


def _positive(text: str) -> int:
    return _whole(text, 1)


def _seed(text: str) -> int:
    return _whole(text, 0)


def _tolerance(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more, such as 1e-8")
    return number


def _internal_argument(parser: argparse.ArgumentParser) -> None:
    text = "show small counts too: what is written then must stay in the secure environment"
    parser.add_argument("--internal", action="store_true", help=text)


def _jobs_argument(parser: argparse.ArgumentParser) -> None:
    text = "processes that share the work (default: all cores)"
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help=text)


def _add_report(commands: Commands) -> None:
    parser = _command(commands, "report", "Write the report, its tables and figures from study files.")
    _study_arguments(parser)
    parser.add_argument("--out", default="build/report", help="folder to write (default: build/report)")
    _internal_argument(parser)
    _jobs_argument(parser)


def _add_effects(commands: Commands) -> None:
    parser = _command(commands, "effects", "Write the effect table only, as CSV.")
    _study_arguments(parser)
    parser.add_argument("--out", default="-", help="file to write (default: standard output)")
    _internal_argument(parser)


def _add_check(commands: Commands) -> None:
    parser = _command(commands, "check", "Check study files and list all problems at once.")
    _study_arguments(parser)
    parser.add_argument("--out", help="also write the problems to this CSV file")


def _add_synth(commands: Commands) -> None:
    parser = _command(commands, "synth", "Make the synthetic study from the declarations and one seed.")
    parser.add_argument("--out", default="build/synthetic", help="folder to write (default: build/synthetic)")
    parser.add_argument("--plan", help="folder with another study description")
    parser.add_argument("--seed", type=_seed, help="seed (default: that of the shipped study)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _add_claims(commands: Commands) -> None:
    parser = _command(commands, "claims", "Hold every published claim against the data.")
    _study_arguments(parser)
    parser.add_argument("--out", help="also write the claims to this file: JSON if it ends with .json, else CSV")
    _internal_argument(parser)
    _jobs_argument(parser)
    parser.add_argument("--language", choices=("en", "da"), default="en", help="language of the statements")


def _add_compare(commands: Commands) -> None:
    parser = _command(commands, "compare", "Compare two effect tables (CSV files or report folders).")
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--rtol", type=_tolerance, default=1e-8, help="relative tolerance (default: 1e-8)")
    parser.add_argument("--atol", type=_tolerance, default=1e-10, help="absolute tolerance (default: 1e-10)")
    parser.add_argument("--plan", help="folder with the study description whose verdict rule counts")


def _add_fit(commands: Commands) -> None:
    text = "Fit the effect of a treatment on any table (CSV, Parquet or a study format) by every few-cluster method."
    parser = _command(commands, "fit", text)
    parser.add_argument("data", help="table; CSV and Parquet are streamed unless a method needs all rows")
    parser.add_argument("--y", required=True, nargs="+", help="outcome columns")
    parser.add_argument("--treat", required=True, help="treatment column")
    parser.add_argument("--cluster", required=True, help="cluster column")
    parser.add_argument("--x", nargs="*", default=[], help="numeric covariates")
    parser.add_argument("--factor", nargs="*", default=[], help="columns that become dummies")
    parser.add_argument("--weights", help="weights column (least squares only)")
    parser.add_argument("--methods", default="", help="comma-separated; 'all' or e.g. cr1,cr2,cv3,wcr11,wcr31,lmm")
    parser.add_argument("--level", type=float, default=0.95, help="level of the intervals (default: 0.95)")
    parser.add_argument("--seed", type=_seed, default=1, help="seed where not all sign draws are used (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
