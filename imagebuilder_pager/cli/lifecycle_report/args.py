"""The options of ``lifecycle-report``. Nothing heavy is imported for them."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ..._dates import assume_utc
from ..args import CommandParser

RICH_OUTPUTS = ("summary", "table", "tree")
#: What ``--fail-on`` takes, and the exit codes.
CONDITIONS = {"failed": 3, "incomplete": 4, "stale": 5}
OUTPUTS = ("json", "html", "jsonl", "csv", *RICH_OUTPUTS)

_PROGRAM = "imagebuilder-pager lifecycle-report"
_AGE = re.compile(r"(\d{1,6})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def parse(argv: Sequence[str], now: datetime | None = None) -> argparse.Namespace:
    """Return the options; ``since`` and ``until`` are times, counted back from ``now``.

    Raises :class:`UsageError`, and ``SystemExit`` after ``--help``.
    """
    return make_parser(now or datetime.now(UTC)).parse_args(argv)


def make_parser(now: datetime) -> argparse.ArgumentParser:
    """Return the parser of the command."""

    def point_in_time(text: str) -> datetime:
        return _parse_time(text, now)

    parser = CommandParser(
        prog=_PROGRAM,
        description="Report what lifecycle policies have done, in one account or in many.",
        allow_abbrev=False,
    )
    scope = parser.add_argument_group("What is listed and reported")
    scope.add_argument(
        "--targets", metavar="FILE", help="a TOML file of accounts and regions; docs/fleet.md"
    )
    scope.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="ARN",
        help="only this lifecycle policy; can be repeated",
    )
    scope.add_argument(
        "--since",
        type=point_in_time,
        metavar="TIME",
        help="only what ended since then: 30d, 12h, 4w, or a time in ISO 8601",
    )
    scope.add_argument(
        "--until", type=point_in_time, metavar="TIME", help="only what ended before that"
    )
    for option, metavar, convert, what in (
        (
            "--account",
            "ACCOUNT",
            str,
            "of this account: its name in the file of targets, or its id",
        ),
        ("--region", "REGION", str, "of this region; without --targets, it is also what is listed"),
        ("--status", "STATUS", str.upper, "that have this status"),
        ("--action", "ACTION", str.upper, "on which this was done, such as DELETE"),
        ("--reason", "TEXT", str, "that have this in the reason of their status"),
    ):
        kind = "executions" if option in {"--account", "--region"} else "resources"
        also = ", and executions that have" if option in {"--status", "--reason"} else ""
        scope.add_argument(
            option,
            action="append",
            default=[],
            type=convert,
            metavar=metavar,
            help=f"report only {kind} {what}{also}; can be repeated",
        )
    scope.add_argument(
        "--no-children",
        action="store_true",
        help="list images alone, without their AMIs, container images and snapshots",
    )
    scope.add_argument(
        "--database",
        metavar="FILE",
        help="keep all in this SQLite database, and list only what is new in it; it is also how a "
        "run that was stopped goes on",
    )
    scope.add_argument(
        "--offline",
        action="store_true",
        help="report what --database has, and list nothing",
    )
    scope.add_argument(
        "--check",
        action="store_true",
        help="ask STS whose credentials each account has, and list nothing",
    )
    scope.add_argument(
        "--prune",
        type=point_in_time,
        metavar="TIME",
        help="first delete from --database what ended before then, such as 400d; list none of it",
    )
    run = parser.add_argument_group("How it is listed")
    run.add_argument(
        "--executor",
        default="threads",
        metavar="EXECUTOR",
        help="threads (the default), processes, or the address of a Dask scheduler, tcp://HOST:PORT",
    )
    run.add_argument(
        "--max-concurrency",
        type=_positive,
        default=32,
        metavar="N",
        help="calls at a time in all (%(default)s)",
    )
    run.add_argument(
        "--max-concurrency-per-target",
        type=_positive,
        default=4,
        metavar="N",
        help="calls at a time in each account and region (%(default)s)",
    )
    run.add_argument(
        "--on-invalid-response",
        choices=("raise", "warn"),
        default="raise",
        help="where a response is not as documented: fail (the default), or warn and go on without "
        "the values that do not match",
    )
    output = parser.add_argument_group("Output")
    output.add_argument("--output", choices=OUTPUTS, default="summary", help="default: summary")
    output.add_argument(
        "--color", choices=("on", "off", "auto"), default="auto", help="colours where rich draws"
    )
    output.add_argument(
        "--fail-on",
        type=_conditions,
        default=(),
        metavar="CONDITIONS",
        help="exit with 3 if something has failed, 4 if a target is incomplete, 5 if one is stale: "
        "failed,incomplete,stale, or some of these; the first one that holds decides",
    )
    output.add_argument(
        "--stale-after",
        type=_age,
        default=timedelta(days=1),
        metavar="AGE",
        help="from this age on a target is stale, and an execution has not ended for long: 12h, 7d "
        "(default: 1d)",
    )
    connection = parser.add_argument_group("Connection, of one account")
    connection.add_argument("--profile", help="a profile of the AWS configuration files")
    parser.add_argument("--debug", action="store_true", help="print what happens")
    return parser


def _parse_time(text: str, now: datetime) -> datetime:
    if _AGE.fullmatch(text):
        with contextlib.suppress(OverflowError):
            return now - _age(text)
    else:
        with contextlib.suppress(ValueError, OverflowError):
            return assume_utc(datetime.fromisoformat(text)).astimezone(UTC)
    raise argparse.ArgumentTypeError(
        f"{text[:80]!r} given; allowed: 30d, 12h, 4w, or a time such as 2026-11-24T12:00:00Z"
    )


def _age(text: str) -> timedelta:
    if match := _AGE.fullmatch(text):
        return timedelta(hours=int(match[1]) * _HOURS[match[2]])
    raise argparse.ArgumentTypeError(f"{text[:80]!r} given; allowed: 30d, 12h, 4w")


def _conditions(text: str) -> tuple[str, ...]:
    conditions = tuple(text.split(","))
    if set(conditions) <= set(CONDITIONS):
        return conditions
    raise argparse.ArgumentTypeError(f"{text[:80]!r} given; allowed: {', '.join(CONDITIONS)}")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} given; allowed: a whole number, 1 or more")
    return number
