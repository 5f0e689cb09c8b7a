"""The measures of the rows: in each round, the sides take turns."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tools.container import LIBRARY, build

from .harness import ROOT, Harness, Measured
from .relay import Relay
from .results import Samples
from .workers.common import execution_id

__all__ = [
    "measure_cold",
    "measure_cold_from_afar",
    "measure_command_line",
    "measure_command_over_library",
    "measure_cpu_async",
    "measure_cpu_sync",
    "measure_executions",
    "measure_growth",
    "measure_import_alone",
    "measure_memory",
    "measure_prefetch",
    "measure_size",
    "measure_walk",
]

Side = Callable[[], float]


def _in_turns(
    rounds: int, *, peer: Side, ours: Side, limit: Side | None = None, warm_up: bool = False
) -> Samples:
    """Measure each side once in each round, in an order that changes from round to round."""
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


def measure_cpu_sync(
    worker: str, peer: str = "peer_boto3", peer_pages: int = 300
) -> Callable[[Harness, int], Samples]:
    """Return the measure of the CPU milliseconds per page of a sync client."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def cpu(worker: str, pages: int) -> Side:
            return lambda: harness.work(worker, "stream", pages, 50).cpu_per_page * 1000

        return _in_turns(
            rounds, peer=cpu(peer, peer_pages), ours=cpu(worker, 600), limit=cpu("limit", 600)
        )

    return measure


def measure_cpu_async(worker: str, at_a_time: int) -> Callable[[Harness, int], Samples]:
    """Return the measure of the CPU milliseconds per page, ``at_a_time`` listings at a time."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def cpu(worker: str, pages: int) -> Side:
            warm_up = max(2, 48 // at_a_time)
            job = ("stream", pages, warm_up, at_a_time)
            return lambda: harness.work(worker, *job).cpu_per_page * 1000

        return _in_turns(rounds, peer=cpu("peer_aiobotocore", 320), ours=cpu(worker, 640))

    return measure


def measure_cold(
    worker: str, peer: str = "peer_boto3", *, tls: bool
) -> Callable[[Harness, int], Samples]:
    """Return the measure of the milliseconds of a process that lists one page."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def whole(worker: str) -> Side:
            return lambda: harness.work(worker, "first_page", tls=tls).whole * 1000

        return _in_turns(
            rounds,
            peer=whole(peer),
            ours=whole(worker),
            limit=whole("limit"),
            warm_up=True,
        )

    return measure


def measure_cold_from_afar(worker: str, delay: float) -> Callable[[Harness, int], Samples]:
    """Return the measure of a process that lists one page over https, ``delay`` seconds each way.

    It is in milliseconds. Connecting by TCP is not delayed; the TLS handshake and requests are.
    """

    def measure(harness: Harness, rounds: int) -> Samples:
        port = urlsplit(harness.https).port
        assert port is not None
        with Relay(port, delay=delay) as relay:
            url = f"https://127.0.0.1:{relay.port}"

            def whole(worker: str) -> Side:
                return lambda: harness.work(worker, "first_page", tls=True, url=url).whole * 1000

            return _in_turns(rounds, peer=whole("peer_boto3"), ours=whole(worker), warm_up=True)

    return measure


def measure_import_alone(harness: Harness, rounds: int) -> Samples:
    """Measure the milliseconds of the import, without those of bare Python."""

    def whole(code: str, site: str) -> Side:
        return lambda: harness.python(code, site).whole * 1000

    times = _in_turns(
        rounds,
        peer=whole("import boto3", "boto3"),
        ours=whole("import imagebuilder_pager", LIBRARY),
        limit=whole("pass", LIBRARY),
        warm_up=True,
    )
    # The difference of two processes is smaller than the noise of either, so bare and boto3 are
    # medians. Ours are the numbers of each round, so that the spread shows the noise.
    bare = statistics.median(times.limit)
    boto3 = statistics.median(times.peer) - bare
    return Samples(peer=[boto3] * rounds, ours=[ours - bare for ours in times.ours])


def _peak_mib(measured: Measured) -> float:
    assert measured.peak_kib is not None
    return measured.peak_kib / 1024


def measure_memory(worker: str) -> Callable[[Harness, int], Samples]:
    """Return the measure of the peak memory of one listing, in MiB."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def peak(worker: str) -> Side:
            return lambda: _peak_mib(harness.work(worker, "stream", 40, 1))

        return _in_turns(rounds, peer=peak("peer_boto3"), ours=peak(worker))

    return measure


def measure_growth(harness: Harness, rounds: int) -> Samples:
    """Measure the peak memory of a long listing and of a short one, in MiB."""

    def peak(pages: int) -> Side:
        return lambda: _peak_mib(harness.work("ours", "stream", pages, 1))

    return _in_turns(rounds, peer=peak(200), ours=peak(20_000))


def measure_size(*, lean: bool = False) -> Callable[[Harness, int], Samples]:
    """Return the measure of the megabytes of the slim folder and of boto3 as pip installs it."""

    def measure(harness: Harness, rounds: int) -> Samples:
        del harness, rounds  # the size is the same in each round
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            boto3, slim = Path(folder, "boto3"), Path(folder, "slim")
            pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            pip += ["--no-compile", "-c", str(ROOT / "constraints.txt"), "--target", str(boto3)]
            subprocess.run([*pip, "boto3"], check=True)
            build(slim, lean=lean)
            return Samples([_size_of(boto3)], [_size_of(slim)])

    return measure


def _size_of(folder: Path) -> float:
    """Return the megabytes on the disk, without bytecode."""
    paths = [folder, *folder.rglob("*")]
    return sum(path.stat().st_blocks * 512 for path in paths if path.suffix != ".pyc") / 1e6


def measure_prefetch(*, busy: bool) -> Callable[[Harness, int], Samples]:
    """Return the measure of the seconds of a listing with and without prefetching."""

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
    """Return a function that runs the command line of the site, which lists one page."""
    module, group = ("awscli.clidriver", ["imagebuilder"]) if site == "awscli" else (_CLI, [])
    given = [
        *group,
        *("list-lifecycle-execution-resources", "--lifecycle-execution-id", execution_id(1)),
        *("--endpoint-url", harness.https if tls else harness.http, "--region", "us-west-2"),
        *("--output", "json"),
    ]
    code = _COMMAND.format(module=module, arguments=given)
    return lambda: harness.python(code, site, tls=tls)


def measure_command_line(*, tls: bool = False, to_the_end: bool = False) -> Callable[..., Samples]:
    """Return the measure of the milliseconds to a command's first output, or to its end."""

    def measure(harness: Harness, rounds: int) -> Samples:
        def side(site: str) -> Side:
            run = _command(harness, site, tls=tls)
            return lambda: (run().whole if to_the_end else run().first) * 1000

        return _in_turns(rounds, peer=side("awscli"), ours=side(LIBRARY), warm_up=True)

    return measure


def measure_command_over_library(harness: Harness, rounds: int) -> Samples:
    """Measure the milliseconds to the first item of the command and of the library."""
    run = _command(harness, LIBRARY)
    return _in_turns(
        rounds,
        peer=lambda: harness.work("ours", "first_page").first * 1000,
        ours=lambda: run().first * 1000,
        warm_up=True,
    )


def measure_executions(harness: Harness, rounds: int) -> Samples:
    """Measure the seconds for the listings of many executions."""

    def seconds(worker: str, *more: int) -> Side:
        def side() -> float:
            wall = harness.work(worker, "executions", 64, 8, 50, *more).wall
            assert wall is not None
            return wall

        return side

    return _in_turns(rounds, peer=seconds("peer_boto3"), ours=seconds("ours_async", 16))


def measure_walk(worker: str, *, children: bool) -> Callable[[Harness, int], Samples]:
    """Return the measure of the CPU milliseconds per page of a walk and of its single listings."""

    def measure(harness: Harness, rounds: int) -> Samples:
        # With children, 24 of 25 pages are those of one image, with two AMIs.
        job = (5, 3, 1) if children else (25, 16, 0)

        def cpu(name: str) -> Side:
            return lambda: harness.work(worker, name, *job).cpu_per_page * 1000

        return _in_turns(rounds, peer=cpu("single_listings"), ours=cpu("walk"))

    return measure
