"""What is measured: a row of the table each, in rounds in which the peers take turns."""

from __future__ import annotations

import itertools
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.slim import LIBRARY, build

from .harness import ROOT, Harness, Measured
from .workers.common import execution_id

__all__ = ["ROWS", "Outcome", "Row", "Samples"]


@dataclass
class Samples:
    """One number for each round and side. ``limit`` is the standard library's, where there is one.

    The ratio of a round is between numbers taken within a second or two of one another, so that
    what else the machine does weighs on both.
    """

    peer: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    ``unit`` is what the two sides are shown in. ``must`` and ``aim`` are the ratio, ours by the
    peer's, that has to be reached and that would be good; where ``difference`` is set, they are
    the difference. None is for a row that is there to be looked at.
    """

    name: str
    what: str
    peer: str
    unit: str
    measure: Callable[[Harness, int], Samples]
    rounds: int
    must: float | None = None
    aim: float | None = None
    difference: bool = False


@dataclass(frozen=True)
class Outcome:
    """A row's numbers: medians of both sides and of the rounds' ratios, and their quartiles."""

    row: Row
    samples: Samples

    @property
    def peer(self) -> float:
        """The peer's median."""
        return statistics.median(self.samples.peer)

    @property
    def ours(self) -> float:
        """Our median."""
        return statistics.median(self.samples.ours)

    @property
    def limit(self) -> float | None:
        """The limit's share of the peer's median."""
        return statistics.median(self.samples.limit) / self.peer if self.samples.limit else None

    def scores(self) -> list[float]:
        """What is held against the targets, for each round."""
        pairs = zip(self.samples.ours, self.samples.peer, strict=True)
        if self.row.difference:
            return [ours - peer for ours, peer in pairs]
        return [ours / peer for ours, peer in pairs]

    @property
    def score(self) -> float:
        """The median of the rounds' scores."""
        return statistics.median(self.scores())

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the rounds' scores; of fewer than four, the least and the greatest."""
        scores = self.scores()
        if len(scores) < 4:
            return min(scores), max(scores)
        lower, _, upper = statistics.quantiles(scores, method="inclusive")
        return lower, upper

    @property
    def verdict(self) -> str:
        """``aim``, ``reached`` or ``MISSED``; nothing where there is no target."""
        if self.row.must is None or self.row.aim is None:
            return ""
        if self.score <= self.row.aim:
            return "aim"
        return "reached" if self.score <= self.row.must else "MISSED"


Side = Callable[[], float]


def _in_turns(
    rounds: int, *, peer: Side, ours: Side, limit: Side | None = None, warm_up: bool = False
) -> Samples:
    """Rounds in which each side has its turn, in an order that changes from round to round."""
    samples = Samples()
    sides = [(peer, samples.peer), (ours, samples.ours)]
    if limit is not None:
        sides.append((limit, samples.limit))
    if warm_up:  # the files into memory, the bytecode onto the disk
        for measure, _ in sides:
            measure()
    orders = itertools.cycle(itertools.permutations(sides))
    for _, order in zip(range(rounds), orders, strict=False):
        for measure, into in order:
            into.append(measure())
    return samples


def _cpu_sync(harness: Harness, rounds: int) -> Samples:
    def cpu(worker: str, pages: int) -> Side:
        return lambda: harness.work(worker, "stream", pages, 50).cpu_per_page * 1000

    return _in_turns(
        rounds, peer=cpu("peer_boto3", 300), ours=cpu("ours", 600), limit=cpu("limit", 600)
    )


def _cpu_async(at_a_time: int) -> Callable[[Harness, int], Samples]:
    def measure(harness: Harness, rounds: int) -> Samples:
        def cpu(worker: str, pages: int) -> Side:
            warm_up = max(2, 48 // at_a_time)
            job = ("stream", pages, warm_up, at_a_time)
            return lambda: harness.work(worker, *job).cpu_per_page * 1000

        return _in_turns(rounds, peer=cpu("peer_aiobotocore", 320), ours=cpu("ours_async", 640))

    return measure


def _cold(*, tls: bool) -> Callable[[Harness, int], Samples]:
    def measure(harness: Harness, rounds: int) -> Samples:
        def whole(worker: str) -> Side:
            return lambda: harness.work(worker, "first_page", tls=tls).whole * 1000

        return _in_turns(
            rounds,
            peer=whole("peer_boto3"),
            ours=whole("ours"),
            limit=whole("limit"),
            warm_up=True,
        )

    return measure


def _import_alone(harness: Harness, rounds: int) -> Samples:
    def whole(code: str, site: str) -> Side:
        return lambda: harness.python(code, site).whole * 1000

    times = _in_turns(
        rounds,
        peer=whole("import boto3", "boto3"),
        ours=whole("import imagebuilder_pager", LIBRARY),
        limit=whole("pass", LIBRARY),
        warm_up=True,
    )
    # A difference of two processes is small beside what either wobbles by: the medians are what
    # can be told apart. Each round keeps its own numbers, so that the spread is honest.
    bare = statistics.median(times.limit)
    boto3 = statistics.median(times.peer) - bare
    return Samples(peer=[boto3] * rounds, ours=[ours - bare for ours in times.ours])


def _peak_mib(measured: Measured) -> float:
    assert measured.peak_kib is not None
    return measured.peak_kib / 1024


def _memory(harness: Harness, rounds: int) -> Samples:
    def peak(worker: str) -> Side:
        return lambda: _peak_mib(harness.work(worker, "stream", 40, 1))

    return _in_turns(rounds, peer=peak("peer_boto3"), ours=peak("ours"))


def _growth(harness: Harness, rounds: int) -> Samples:
    def peak(pages: int) -> Side:
        return lambda: _peak_mib(harness.work("ours", "stream", pages, 1))

    return _in_turns(rounds, peer=peak(200), ours=peak(20_000))


def _size(harness: Harness, rounds: int) -> Samples:
    del harness, rounds  # it does not wobble
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        boto3, slim = Path(folder, "boto3"), Path(folder, "slim")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        pip += ["--no-compile", "-c", str(ROOT / "constraints.txt"), "--target", str(boto3)]
        subprocess.run([*pip, "boto3"], check=True)
        build(slim)
        return Samples([_size_of(boto3)], [_size_of(slim)])


def _size_of(folder: Path) -> float:
    """Megabytes on the disk, without bytecode, of which either side could have as much again."""
    paths = [folder, *folder.rglob("*")]
    return sum(path.stat().st_blocks * 512 for path in paths if path.suffix != ".pyc") / 1e6


def _prefetch(*, busy: bool) -> Callable[[Harness, int], Samples]:
    def measure(harness: Harness, rounds: int) -> Samples:
        def seconds(depth: int) -> Side:
            def side() -> float:
                wall = harness.work("ours", "prefetch", 40, 50, depth, busy).wall
                assert wall is not None
                return wall

            return side

        return _in_turns(rounds, peer=seconds(0), ours=seconds(1))

    return measure


_CLI = "imagebuilder_pager.cli.main"
_COMMAND = """
import os, sys
os.environ |= {{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}}
sys.argv = ["command", *{arguments!r}]
from {module} import main
sys.exit(main())
"""


def _command(harness: Harness, site: str, *, tls: bool = False) -> Callable[[], Measured]:
    """A command that lists one page, in the form that both command lines have."""
    module, group = ("awscli.clidriver", ["imagebuilder"]) if site == "awscli" else (_CLI, [])
    given = [
        *group,
        *("list-lifecycle-execution-resources", "--lifecycle-execution-id", execution_id(1)),
        *("--endpoint-url", harness.https if tls else harness.http, "--region", "us-west-2"),
        *("--output", "json"),
    ]
    code = _COMMAND.format(module=module, arguments=given)
    return lambda: harness.python(code, site, tls=tls)


def _command_line(*, tls: bool = False, to_the_end: bool = False) -> Callable[..., Samples]:
    def measure(harness: Harness, rounds: int) -> Samples:
        def side(site: str) -> Side:
            run = _command(harness, site, tls=tls)
            return lambda: (run().whole if to_the_end else run().first) * 1000

        return _in_turns(rounds, peer=side("awscli"), ours=side(LIBRARY), warm_up=True)

    return measure


def _command_over_library(harness: Harness, rounds: int) -> Samples:
    run = _command(harness, LIBRARY)
    return _in_turns(
        rounds,
        peer=lambda: harness.work("ours", "first_page").first * 1000,
        ours=lambda: run().first * 1000,
        warm_up=True,
    )


def _executions(harness: Harness, rounds: int) -> Samples:
    def seconds(worker: str, *more: int) -> Side:
        def side() -> float:
            wall = harness.work(worker, "executions", 64, 8, 50, *more).wall
            assert wall is not None
            return wall

        return side

    return _in_turns(rounds, peer=seconds("peer_boto3"), ours=seconds("ours_async", 16))


ROWS = (
    Row(
        name="cpu-sync",
        what="CPU per page of 25 resources, sync",
        peer="boto3",
        unit="ms",
        measure=_cpu_sync,
        rounds=9,
        must=0.35,
        aim=0.25,
    ),
    *(
        Row(
            name=f"cpu-async-{at_a_time}",
            what=f"CPU per page, async, {at_a_time} at a time",
            peer="aiobotocore",
            unit="ms",
            measure=_cpu_async(at_a_time),
            rounds=5,
            must=0.35,
            aim=0.25,
        )
        for at_a_time in (1, 16)
    ),
    *(
        Row(
            name=f"cold-{'https' if tls else 'http'}",
            what=f"cold start to the first page printed, {'https' if tls else 'http'}",
            peer="boto3",
            unit="ms",
            measure=_cold(tls=tls),
            rounds=15,
            must=0.80,
            aim=0.65,
        )
        for tls in (False, True)
    ),
    Row(
        name="command",
        what="the command line, from start to the first item, http",
        peer="AWS CLI v1",
        unit="ms",
        measure=_command_line(),
        rounds=25,
        must=0.5,
        aim=0.45,
    ),
    Row(
        name="command-https",
        what="the same, https",
        peer="AWS CLI v1",
        unit="ms",
        measure=_command_line(tls=True),
        rounds=25,
        must=0.5,
        aim=0.45,
    ),
    Row(
        name="command-whole",
        what="the same, http, to the end of the process",
        peer="AWS CLI v1",
        unit="ms",
        measure=_command_line(to_the_end=True),
        rounds=9,
    ),
    Row(
        name="command-over-library",
        what="the command line's first item over the library's own, http",
        peer="cold start, http",
        unit="ms",
        measure=_command_over_library,
        rounds=9,
        must=1.2,
        aim=1.0,
    ),
    Row(
        name="import",
        what="import alone, over bare Python",
        peer="import boto3",
        unit="ms",
        measure=_import_alone,
        rounds=31,
        must=0.10,
        aim=0.05,
    ),
    Row(
        name="memory",
        what="peak memory of one listing",
        peer="boto3",
        unit="MiB",
        measure=_memory,
        rounds=5,
        must=0.85,
        aim=0.75,
    ),
    Row(
        name="growth",
        what="memory over 20,000 pages streamed",
        peer="200 pages",
        unit="MiB",
        measure=_growth,
        rounds=3,
        must=3,
        aim=1,
        difference=True,
    ),
    Row(
        name="size",
        what="site-packages, slim",
        peer="pip install boto3",
        unit="MB",
        measure=_size,
        rounds=1,
        must=0.45,
        aim=0.35,
    ),
    Row(
        name="prefetch",
        what="50 ms latency and 50 ms of work a page, Prefetch 1",
        peer="Prefetch 0",
        unit="s",
        measure=_prefetch(busy=False),
        rounds=3,
        must=0.60,
        aim=0.52,
    ),
    Row(
        name="prefetch-busy",
        what="the same, where the work is computing",
        peer="Prefetch 0",
        unit="s",
        measure=_prefetch(busy=True),
        rounds=2,
    ),
    Row(
        name="executions",
        what="64 executions of 8 pages at 50 ms latency, async, 16 at a time",
        peer="boto3, one after the other",
        unit="s",
        measure=_executions,
        rounds=2,
        must=1 / 12,
        aim=1 / 15,
    ),
)


def rows_named(patterns: list[str]) -> list[Row]:
    """The rows that any of the patterns matches; of none, all."""
    if not patterns:
        return list(ROWS)
    return [row for row in ROWS if any(re.fullmatch(pattern, row.name) for pattern in patterns)]
