"""The options of ``lifecycle-report``. Nothing heavy is imported for them."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..._dates import assume_utc
from ..args import CommandParser

RICH_OUTPUTS = ("summary", "table", "tree")
#: The conditions of ``--fail-on``, and their exit codes.
CONDITIONS = {"failed": 3, "incomplete": 4, "stale": 5}
OUTPUTS = ("json", "html", "jsonl", "csv", *RICH_OUTPUTS)

_PROGRAM = "imagebuilder-pager lifecycle-report"
_AGE = re.compile(r"(\d{1,6})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def parse(argv: Sequence[str], now: datetime | None = None) -> argparse.Namespace:
    """Return the options; ``since`` and ``until`` are times, counted back from ``now``.

    Raises :class:`UsageError`, and ``SystemExit`` after ``--help``.
    """
    parser = make_parser(now or datetime.now(UTC))
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.refuse(unknown)
    return options


def make_parser(now: datetime) -> CommandParser:
    """Return the parser of the command."""

    def point_in_time(text: str) -> datetime:
        return _parse_time(text, now)

    parser = CommandParser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} [options]",
        description="Report what lifecycle policies have done, in one account or in many.",
        allow_abbrev=False,
    )
    group = parser.add_argument_group("What is listed and reported")

    def add(option: str, metavar: str | None, text: str, **details: Any) -> None:
        """Add an option to the group that was begun last; one without a value is a switch."""
        kind: dict[str, Any] = {"metavar": metavar} if metavar else {"action": "store_true"}
        group.add_argument(option, help=text, **kind, **details)

    def add_repeated(option: str, metavar: str, text: str, convert: Any = str) -> None:
        text = f"{text}; can be repeated"
        add(option, metavar, text, type=convert, action="append", default=[])

    add("--targets", "FILE", "a TOML file of accounts and regions; docs/fleet.md")
    add_repeated("--policy", "ARN", "only this lifecycle policy")
    since = "only what ended since then: 30d, 12h, 4w, or a time in ISO 8601"
    add("--since", "TIME", since, type=point_in_time)
    add("--until", "TIME", "only what ended before that", type=point_in_time)
    account = "executions of this account: its name in the file of targets, or its id"
    add_repeated("--account", "ACCOUNT", f"report only {account}")
    region = "executions of this region; without --targets, it is also what is listed"
    add_repeated("--region", "REGION", f"report only {region}")
    status = "resources that have this status, and executions that have"
    add_repeated("--status", "STATUS", f"report only {status}", str.upper)
    action = "resources on which this was done, such as DELETE"
    add_repeated("--action", "ACTION", f"report only {action}", str.upper)
    reason = "resources that have this in the reason of their status, and executions that have"
    add_repeated("--reason", "TEXT", f"report only {reason}")
    children = "list images alone, without their AMIs, container images and snapshots"
    add("--no-children", None, children)
    add(
        "--database",
        "FILE",
        "keep all in this SQLite database, and list only what is new in it; also to continue a run "
        "that was stopped",
    )
    add("--offline", None, "report what --database has, and list nothing")
    add("--check", None, "ask STS whose credentials each account has, and list nothing")
    prune = "first delete from --database what ended before then, such as 400d; list none of it"
    add("--prune", "TIME", prune, type=point_in_time)
    group = parser.add_argument_group("How it is listed")
    executors = (
        "threads (the default), processes, or the address of a Dask scheduler, tcp://HOST:PORT"
    )
    add("--executor", "EXECUTOR", executors, default="threads")
    for option, part, default in (
        ("--max-concurrency", "all", 32),
        ("--max-concurrency-per-target", "each account and region", 4),
    ):
        text = f"calls at a time in {part} (%(default)s)"
        add(option, "N", text, type=_positive, default=default)
    group.add_argument(
        "--on-invalid-response",
        choices=("raise", "warn"),
        default="raise",
        help="where a response is not as documented: fail (the default), or warn and go on without "
        "the values that do not match",
    )
    group = parser.add_argument_group("Output")
    group.add_argument("--output", choices=OUTPUTS, default="summary", help="default: summary")
    group.add_argument(
        "--color", choices=("on", "off", "auto"), default="auto", help="colours where rich draws"
    )
    add(
        "--fail-on",
        "CONDITIONS",
        "exit with 3 if something has failed, 4 if a target is incomplete, 5 if one is stale: "
        "failed,incomplete,stale, or some of these; the first one that holds decides",
        type=_conditions,
        default=(),
    )
    add(
        "--stale-after",
        "AGE",
        "from this age on a target is stale, and an execution has not ended for long: 12h, 7d "
        "(default: 1d)",
        type=_age,
        default=timedelta(days=1),
    )
    group = parser.add_argument_group("Connection, of one account")
    group.add_argument("--profile", help="a profile of the AWS configuration files")
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
