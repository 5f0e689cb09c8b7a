"""The command: it lists into a database, and writes a report of what that has."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ...exceptions import CheckpointError, CheckpointLockedError
from ..exit_codes import CLIENT_ERROR_RC, CommandError, ConfigurationError, UsageError
from ..stdout import Stdout
from ..terminal import escape_controls, showing_mismatches, write_stderr
from .args import RICH_OUTPUTS, parse

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ...fleet import FleetDatabase, FleetResult, Target


def run_report(argv: Sequence[str]) -> int:
    """Run the command and return its exit code, 0 if all targets are complete.

    A temporary database is removed then; else its path is told.

    Raises what :func:`..exit_codes.describe_error` words.
    """
    options = parse(argv)
    _check(options)
    if options.check:
        from .check import check_accounts

        with _logging(debug=options.debug):
            return 0 if check_accounts(_targets(options), Stdout()) else CLIENT_ERROR_RC
    if options.output in RICH_OUTPUTS:
        from ..rich_formats.console import require_rich

        require_rich(options.output)
    from .selection import Selection

    selection = Selection(tuple(options.policy), options.since, options.until)
    with _logging(debug=options.debug), showing_mismatches(debug=options.debug):
        targets = () if options.offline else _targets(options)
        path = options.database or _temporary_path()
        is_over = options.offline
        with _open(path, read_only=options.offline) as database:
            try:
                result = None if options.offline else _list(options, targets, database)
                _write(options, database, selection, result)
                is_over = result is None or not result.failures
            finally:
                if not is_over:
                    write_stderr(
                        f"Run the command again with --database {shlex.quote(path)} to go on.\n"
                    )
    if options.database is None and is_over:
        shutil.rmtree(os.path.dirname(path))  # noqa: PTH120 - without pathlib
    return 0 if is_over else CLIENT_ERROR_RC


def _check(options: argparse.Namespace) -> None:
    """Raise :class:`UsageError` for options that exclude each other."""
    if options.targets is not None:
        for name in ("region", "profile"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} is given beside --targets, which has its own")
    if options.since and options.until and options.since >= options.until:
        raise UsageError("--until: not after --since; allowed: a later time")
    if options.check and options.offline:
        raise UsageError("--check is given beside --offline, which asks nobody")
    if options.offline and options.database is None:
        raise UsageError("--offline needs --database")
    if options.offline and not os.path.exists(options.database):  # noqa: PTH110 - without pathlib
        raise UsageError(f"--database: there is no file {options.database}")
    if options.executor not in {"threads", "processes"} and "://" not in options.executor:
        raise UsageError(
            f"--executor: {options.executor[:80]!r} given; allowed: threads, processes, or the "
            "address of a Dask scheduler, such as tcp://scheduler:8786"
        )


@contextmanager
def _logging(*, debug: bool) -> Iterator[None]:
    """Have the run log its progress and what fails, with ``debug`` all that happens."""

    class SafeFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return escape_controls(super().format(record))

    handler = logging.StreamHandler(sys.stderr)
    template = "%(asctime)s - %(threadName)s - %(name)s - %(levelname)s - %(message)s"
    handler.setFormatter(SafeFormatter(template if debug else "%(message)s"))
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


def _temporary_path() -> str:
    """Return a path for a database that is removed when nothing is left to go on with."""
    folder = tempfile.mkdtemp(prefix="lifecycle-report-")
    return os.path.join(folder, "fleet.sqlite")  # noqa: PTH118 - without pathlib


def _open(path: str, *, read_only: bool) -> FleetDatabase:
    """Return the database. Raises :class:`CommandError` for one that cannot be used."""
    from ...fleet import FleetDatabase

    try:
        return FleetDatabase(path, read_only=read_only)
    except CheckpointLockedError as error:
        raise CommandError(f"--database: {error}") from None
    except CheckpointError as error:
        raise UsageError(f"--database: {error}") from None


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
    region = resolve_region(options.region, config)
    return make_targets([Account(profile=options.profile)], [region])


def _list(
    options: argparse.Namespace, targets: tuple[Target, ...], database: FleetDatabase
) -> FleetResult:
    from ...fleet import run_fleet
    from .progress import show_progress

    with ExitStack() as stack:
        executor = _executor(options.executor, stack)
        on_progress = stack.enter_context(show_progress(len(targets)))
        return run_fleet(
            targets,
            database,
            policies=options.policy or None,
            since=options.since,
            until=options.until,
            children=not options.no_children,
            executor=executor,
            max_concurrency=options.max_concurrency,
            max_concurrency_per_target=options.max_concurrency_per_target,
            on_invalid_response=options.on_invalid_response,
            on_progress=on_progress,
        )


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


def _write(
    options: argparse.Namespace,
    database: FleetDatabase,
    selection: Any,
    result: FleetResult | None,
) -> None:
    stdout = Stdout()
    if options.output == "jsonl":
        from .plain_formats import write_jsonl

        write_jsonl(stdout, database, selection)
    elif options.output == "csv":
        from .plain_formats import write_csv

        write_csv(stdout, database, selection)
    else:
        from ..rich_formats.console import RichWriter

        writer = RichWriter(stdout, options.color, lambda: None)
        if options.output == "summary":
            from .summary import show_summary

            show_summary(writer, database, selection, result)
        else:
            from .records import show_table, show_tree

            show = show_table if options.output == "table" else show_tree
            show(writer, database, selection)
