"""The command: it lists into a database, and writes a report of the content."""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..._validation import without_userinfo
from ...exceptions import (
    CheckpointError,
    CheckpointLockedError,
    PagerError,
    ParamValidationError,
)
from ..exit_codes import CLIENT_ERROR_RC, CommandError, ConfigurationError, UsageError
from ..logs import EscapingFormatter, showing_mismatches
from ..stdout import Stdout
from ..terminal import escape_controls, write_stderr
from .args import CONDITIONS, RICH_OUTPUTS, parse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ...fleet import FleetDatabase, FleetProgress, FleetResult, Target
    from .report import Summary
    from .selection import Place, Selection

_MAX_CHECKS = 8  # at a time


def run_report(argv: Sequence[str]) -> int:
    """Run the command and return its exit code: one of ``--fail-on``, else 254 or 0.

    It is 254 if a chosen target is not complete. A temporary database is removed if all are; else
    its path is printed. Raises the errors of :func:`..exit_codes.describe_error`.
    """
    options = parse(argv)
    _check(options)
    if options.check:
        with _logging(debug=options.debug):
            return _check_accounts(_targets(options), Stdout())
    if options.output in RICH_OUTPUTS:
        from ..rich_formats.console import require_rich

        require_rich(options.output, "json, html, jsonl and csv")
    from ..rich_formats.describe import count_of
    from .selection import Selection, newest_places

    selection = Selection(
        policies=tuple(options.policy),
        since=options.since,
        until=options.until,
        accounts=tuple(options.account),
        regions=tuple(options.region),
        statuses=tuple(options.status),
        actions=tuple(options.action),
        reasons=tuple(options.reason),
    )
    with _logging(debug=options.debug), showing_mismatches(debug=options.debug):
        targets = () if options.offline else _targets(options)
        if targets:
            _check_run(options, targets, selection)
        path = options.database or f"{tempfile.mkdtemp(prefix='lifecycle-report-')}/fleet.sqlite"
        is_over, was_listed = True, False
        try:
            with _open(path, read_only=options.offline and options.prune is None) as database:
                if options.offline:
                    _check_places(selection, newest_places(database))
                if options.prune is not None:
                    number = database.prune(options.prune)
                    write_stderr(f"--prune: deleted {count_of(number, 'execution')}.\n")
                is_over = options.offline
                result = None if options.offline else _list(options, targets, database)
                was_listed = result is not None
                if not options.offline:  # now the ids of all accounts are known
                    _check_places(selection, newest_places(database))
                code = _write(options, database, selection)
                is_over = result is None or not result.failures
                for arn in () if result is None else result.missing_policies:
                    write_stderr(f"No target has the policy {escape_controls(arn)}.\n")
                    code = code or CLIENT_ERROR_RC
        except CommandError:
            is_over = not was_listed  # else the database is kept
            raise
        finally:
            if not is_over:
                write_stderr(
                    f"Run the command again with --database {shlex.quote(path)} to go on.\n"
                )
            elif options.database is None:
                shutil.rmtree(os.path.dirname(path))  # noqa: PTH120 - without pathlib
    return code


def _check(options: argparse.Namespace) -> None:
    """Raise :class:`UsageError` for options that exclude each other."""
    if options.targets is not None and options.profile is not None:
        raise UsageError("--profile is given beside --targets, which has its own")
    if options.since and options.until and options.since >= options.until:
        raise UsageError("--until: not after --since; allowed: a later time")
    if options.prune is not None and options.prune > datetime.now(UTC):
        raise UsageError("--prune: a time in the future given; allowed: an earlier one")
    if options.prune and options.until and options.prune >= options.until:
        raise UsageError("--until: not after --prune; allowed: a later time")
    if options.offline and options.targets is not None:
        raise UsageError("--targets is given beside --offline, which has the database's names")
    if options.check and options.offline:
        raise UsageError("--check is given beside --offline, which asks nobody")
    for name in ("offline", "prune"):
        if getattr(options, name) and options.database is None:
            raise UsageError(f"--{name} needs --database")
    for name, path in (
        ("--targets", options.targets),
        ("--database", options.database if options.offline else None),
    ):
        # A file of targets may be a pipe.
        if path is not None and (not os.path.exists(path) or os.path.isdir(path)):  # noqa: PTH110, PTH112 - without pathlib
            raise UsageError(f"{name}: there is no file {path}")
    folder = os.path.dirname(options.database or "")  # noqa: PTH120 - without pathlib
    if folder and not os.path.isdir(folder):  # noqa: PTH112 - without pathlib
        raise UsageError(f"--database: there is no folder {folder}")
    if options.executor not in {"threads", "processes"} and "://" not in options.executor:
        raise UsageError(
            f"--executor: {without_userinfo(options.executor)!r} given; allowed: threads, "
            "processes, or the address of a Dask scheduler, such as tcp://scheduler:8786"
        )


def _check_places(selection: Selection, places: Sequence[Place]) -> None:
    """Raise :class:`UsageError` if no target has a chosen account or region."""
    if places and (problem := selection.places_problem(places)):
        raise UsageError(problem)


def _check_run(
    options: argparse.Namespace, targets: Sequence[Target], selection: Selection
) -> None:
    """Raise :class:`UsageError` for an invalid choice, before anything is deleted or listed."""
    accounts = [(target.account.label, target.account.account_id or "") for target in targets]
    # Without a role, an account's id is known when it has been listed.
    is_known = all(account_id for _, account_id in accounts)
    unknown = {one for one in selection.accounts if not is_known and re.fullmatch(r"\d{12}", one)}
    names = [{*account, *unknown} - {""} for account in accounts]
    regions = [target.region for target in targets]
    _check_places(selection, list(zip(names, regions, strict=True)))
    from ...fleet.run import make_scope

    try:
        make_scope(targets, options.policy or None)
    except ParamValidationError as error:
        lines = (str(problem._replace(parameter="--policy")) for problem in error.problems)
        raise UsageError("\n".join(["Parameter validation failed:", *lines])) from None


@contextmanager
def _logging(*, debug: bool) -> Iterator[None]:
    """Log the progress and the failures of the run, with ``debug`` everything."""
    handler = logging.StreamHandler(sys.stderr)
    template = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"
    handler.setFormatter(EscapingFormatter(template if debug else "%(message)s"))
    package = __package__.partition(".")[0]
    logger = logging.getLogger(package if debug else f"{package}.fleet.run")
    level = logger.level
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _open(path: str, *, read_only: bool) -> Iterator[FleetDatabase]:
    """Give the database. Raises :class:`CommandError`, which names it, for one that fails."""
    import sqlite3

    from ...fleet import FleetDatabase

    try:
        with FleetDatabase(path, read_only=read_only) as database:
            yield database
    except CheckpointLockedError as error:
        raise CommandError(f"--database: {error}") from None
    except CheckpointError as error:
        raise UsageError(f"--database: {error}") from None
    except sqlite3.Error as error:
        raise CommandError(f"--database: {error}") from None


def _targets(options: argparse.Namespace) -> tuple[Target, ...]:
    from ..._aws.config.region import resolve_region
    from ..._aws.config.shared_config import SharedConfig
    from ..._aws.retries import resolve_retries
    from ...fleet import Account, load_targets, make_targets

    config = SharedConfig(options.profile)
    # A setting that is not valid is of no target.
    resolve_retries("lifecycle-report", None, None, config)
    if options.targets is not None:
        return load_targets(options.targets)
    regions = [resolve_region(region, config) for region in options.region or [None]]
    return make_targets([Account(profile=options.profile)], regions)


def _check_accounts(targets: Sequence[Target], stdout: Stdout) -> int:
    """Write a line for each account: its name, its id, and the ARN of the caller or the error.

    Return the exit code.
    """
    from ...fleet.credentials import FleetCredentials

    credentials = FleetCredentials()

    def ask(target: Target) -> tuple[int, str, str]:
        try:
            identity = credentials.identity_of(target)
        except PagerError as error:
            text = str(error).replace("\n", " ")
            return CLIENT_ERROR_RC, target.account.account_id or "-", text
        return 0, identity["Account"], identity["Arn"]

    firsts = list({target.account: target for target in reversed(targets)}.values())[::-1]
    width = max(len(target.account.label) for target in firsts)
    code = 0
    executor = ThreadPoolExecutor(_MAX_CHECKS)
    try:
        answers = executor.map(ask, firsts)
        for target, (rc, account_id, text) in zip(firsts, answers, strict=True):
            stdout.write(f"{target.account.label:<{width}}  {account_id:<12}  {text}\n")
            code = code or rc
    finally:
        executor.shutdown(cancel_futures=True)
    return code


def _list(
    options: argparse.Namespace, targets: tuple[Target, ...], database: FleetDatabase
) -> FleetResult:
    from ...fleet import run_fleet

    with ExitStack() as stack:
        return run_fleet(
            targets,
            database,
            policies=options.policy or None,
            # Pruned executions would be listed anew.
            since=max(filter(None, (options.since, options.prune)), default=None),
            until=options.until,
            children=not options.no_children,
            executor=_executor(options.executor, stack),
            max_concurrency=options.max_concurrency,
            max_concurrency_per_target=options.max_concurrency_per_target,
            on_invalid_response=options.on_invalid_response,
            on_progress=stack.enter_context(show_progress(len(targets))),
        )


@contextmanager
def show_progress(targets: int) -> Iterator[Callable[[FleetProgress], None] | None]:
    """Give the function that shows progress as a bar, None where the run has to log it."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not is_terminal or importlib.util.find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(bar_width=20), TextColumn("{task.description}")
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(f"0/{targets} targets", total=1.0)

        def show(progress: FleetProgress) -> None:
            ended = progress.complete + progress.failed
            text = f"{ended}/{progress.targets} targets"
            if progress.failed:
                text += f", {progress.failed} failed"
            text += f"; {progress.executions_done:,}/{progress.executions:,} executions"
            text += f"; {progress.call_rate:,.0f} calls/s"
            if progress.throttled:
                text += f", {progress.throttled:,} throttled"
            # Of the executions, or at first of the targets.
            share = ended / progress.targets
            if progress.executions:
                share = max(share, progress.executions_done / progress.executions)
            bar.update(task, completed=share, description=text)

        yield show


def _executor(name: str, stack: ExitStack) -> Executor | Callable[[], Executor] | None:
    """Return the executor of that name, None for threads."""
    if name == "threads":
        return None
    if name == "processes":
        from ...fleet import process_executor

        return process_executor
    try:
        from distributed import Client
    except ImportError:
        raise ConfigurationError(
            f"--executor {name} needs dask.distributed, which is not installed; install it with\n"
            "  pip install 'imagebuilder-pager[dask]'"
        ) from None
    connect: Callable[[str], Any] = Client
    client = stack.enter_context(connect(name))
    executor: Executor = client.get_executor()
    return executor


def _write(options: argparse.Namespace, database: FleetDatabase, selection: Selection) -> int:
    """Write the report and return the exit code."""
    from .report import summarize

    stdout = Stdout()
    summary = summarize(database, selection, stale_after=options.stale_after)
    if options.output in RICH_OUTPUTS:
        from ..rich_formats.console import RichWriter

        writer = RichWriter(stdout, options.color, lambda: None)
        if options.output == "summary":
            from .summary import show_summary

            show_summary(writer, summary)
        else:
            from .records import show_table, show_tree

            show = show_table if options.output == "table" else show_tree
            show(writer, database, selection)
    elif options.output == "html":
        from .html import write_html
        from .report import failed_executions

        write_html(stdout, summary, failed_executions(database, selection, summary))
    elif options.output == "json":
        stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        from .plain_formats import write_csv, write_jsonl

        write = write_jsonl if options.output == "jsonl" else write_csv
        write(stdout, database, selection)
    return _exit_code(summary, options.fail_on)


def _exit_code(summary: Summary, conditions: Sequence[str]) -> int:
    counts, coverage = summary["counts"], summary["coverage"]
    is_empty = not summary["targets"]  # nothing was listed yet
    incomplete = is_empty + sum(
        coverage["states"][state] for state in ("failed", "incomplete", "stopped")
    )
    numbers = {
        "failed": counts["executions"]["failed"]
        + sum(counts[kind].get("FAILED", 0) for kind in ("images", "children", "snapshots")),
        "incomplete": incomplete,
        "stale": is_empty + coverage["stale"],
    }
    for condition in conditions:
        if numbers[condition]:
            return CONDITIONS[condition]
    return CLIENT_ERROR_RC if incomplete else 0
