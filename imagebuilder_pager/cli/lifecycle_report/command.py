"""The command: it lists into a database, and writes a report of the content."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shlex
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from ... import fleet
from ..._aws.config.region import resolve_region
from ..._aws.config.shared_config import SharedConfig
from ..._aws.retries import resolve_retries
from ..._validation import without_userinfo
from ...exceptions import (
    CheckpointError,
    CheckpointLockedError,
    PagerError,
    ParamValidationError,
)
from ...fleet import FleetDatabase, FleetProgress, FleetResult, Target
from ..exit_codes import CLIENT_ERROR_RC, CommandError, ConfigurationError, UsageError
from ..logs import logging_to_stderr
from ..rich_formats.console import RichWriter, require_rich
from ..rich_formats.describe import count_of
from ..stdout import Stdout
from ..terminal import escape_controls, write_stderr
from .args import CONDITIONS, RICH_OUTPUTS
from .plain_formats import write_csv, write_jsonl
from .report import Summary, failed_executions, summarize
from .selection import Place, Selection, newest_places

_MAX_CHECKS = 8  # at a time


def run_report(options: argparse.Namespace) -> int:
    """Run the command and return its exit code: one of ``--fail-on``, else 254 or 0.

    It is 254 if a chosen target is not complete. A temporary database is removed if all are; else
    its path is printed. Raises the errors of :func:`..exit_codes.describe_error`.
    """
    _check(options)
    if options.check:
        with logging_to_stderr(debug=options.debug):
            return _check_accounts(_targets(options), Stdout())
    if options.output in RICH_OUTPUTS:
        require_rich(options.output, "json, html, jsonl or csv")
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
    with logging_to_stderr(debug=options.debug):
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
    targets, database, prune = options.targets, options.database, options.prune
    folder = os.path.dirname(database or "")  # noqa: PTH120 - without pathlib
    for is_wrong, problem in (
        (targets and options.profile, "--profile is given beside --targets, which has its own"),
        (
            options.since and options.until and options.since >= options.until,
            "--until: not after --since; allowed: a later time",
        ),
        (
            prune and prune > datetime.now(UTC),
            "--prune: a time in the future given; allowed: an earlier one",
        ),
        (
            prune and options.until and prune >= options.until,
            "--until: not after --prune; allowed: a later time",
        ),
        (
            options.offline and targets,
            "--targets is given beside --offline, which has the database's names",
        ),
        (options.check and options.offline, "--check is given beside --offline, which asks nobody"),
        (options.offline and database is None, "--offline needs --database"),
        (prune and database is None, "--prune needs --database"),
        (targets and not _is_file(targets), f"--targets: there is no file {targets}"),
        (
            options.offline and not _is_file(database or ""),
            f"--database: there is no file {database}",
        ),
        (folder and not os.path.isdir(folder), f"--database: there is no folder {folder}"),  # noqa: PTH112 - without pathlib
        (
            options.executor not in {"threads", "processes"} and "://" not in options.executor,
            f"--executor: {without_userinfo(options.executor)!r} given; allowed: threads, "
            "processes, or the address of a Dask scheduler, such as tcp://scheduler:8786",
        ),
    ):
        if is_wrong:
            raise UsageError(problem)


def _is_file(path: str) -> bool:
    """Return whether there is a file; it may be a pipe."""
    return os.path.exists(path) and not os.path.isdir(path)  # noqa: PTH110, PTH112 - without pathlib


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
    from ...fleet.run import make_scope  # it loads the client

    try:
        make_scope(targets, options.policy or None)
    except ParamValidationError as error:
        lines = (str(problem._replace(parameter="--policy")) for problem in error.problems)
        raise UsageError("\n".join(["Parameter validation failed:", *lines])) from None


@contextmanager
def _open(path: str, *, read_only: bool) -> Iterator[FleetDatabase]:
    """Give the database. Raises :class:`CommandError`, which names it, for one that fails."""
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
    config = SharedConfig(options.profile)
    # A setting that is not valid is of no target.
    resolve_retries("lifecycle-report", None, None, config)
    if options.targets is not None:
        return fleet.load_targets(options.targets)
    regions = [resolve_region(region, config) for region in options.region or [None]]
    return fleet.make_targets([fleet.Account(profile=options.profile)], regions)


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
    with ExitStack() as stack:
        return fleet.run_fleet(
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
        return fleet.process_executor
    try:
        from distributed import Client
    except ImportError:
        raise ConfigurationError(
            f"--executor {name} needs dask.distributed, which is not installed; install it with\n"
            "  pip install distributed"
        ) from None
    connect: Callable[[str], Any] = Client
    client = stack.enter_context(connect(name))
    executor: Executor = client.get_executor()
    return executor


def _write(options: argparse.Namespace, database: FleetDatabase, selection: Selection) -> int:
    """Write the report and return the exit code."""
    stdout, output = Stdout(), options.output
    summary = summarize(database, selection, stale_after=options.stale_after)
    if output == "json":
        stdout.write(json.dumps(summary, indent=2) + "\n")
    elif output == "jsonl":
        write_jsonl(stdout, database, selection)
    elif output == "csv":
        write_csv(stdout, database, selection)
    elif output == "html":
        from .html import write_html

        write_html(stdout, summary, failed_executions(database, selection, summary))
    else:
        writer = RichWriter(stdout, options.color, lambda: None)
        if output == "summary":
            from .summary import show_summary

            show_summary(writer, summary)
        else:
            from .records import show_table, show_tree

            (show_table if output == "table" else show_tree)(writer, database, selection)
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
