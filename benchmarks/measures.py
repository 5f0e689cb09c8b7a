"""The measures of the rows: in each round, the sides take turns."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tools import dist

from .distributions import LIBRARY, ROOT
from .harness import AIOBOTOCORE, Harness
from .relay import Relay
from .results import Measure, Samples
from .workers.common import execution_id

__all__ = [
    "Side",
    "cold",
    "cold_from_afar",
    "command",
    "cpu",
    "cpu_seconds",
    "in_turns",
    "measure_import_alone",
    "peak",
    "seconds",
    "size",
]

#: A function that measures one side once.
Side = Callable[[Harness], float]


def in_turns(
    *, peer: Side, ours: Side, limit: Side | None = None, warm_up: bool = False
) -> Measure:
    """Return a measure of each side once in each round, in an order that changes."""

    def measure(harness: Harness, rounds: int) -> Samples:
        samples = Samples()
        sides = [(peer, samples.peer), (ours, samples.ours)]
        if limit is not None:
            sides.append((limit, samples.limit))
        if warm_up:  # files get into memory, bytecode onto the disk
            for side, _ in sides:
                side(harness)
        orders = itertools.cycle(itertools.permutations(sides))
        for _, order in zip(range(rounds), orders, strict=False):
            for side, into in order:
                into.append(side(harness))
        return samples

    return measure


def cpu(worker: str, job: str, *values: int) -> Side:
    """Measure the CPU milliseconds per page."""
    return lambda harness: harness.work(worker, job, *values).cpu_per_page * 1000


def cold(worker: str, *, tls: bool = False) -> Side:
    """Measure the milliseconds of a process that lists one page."""
    return lambda harness: harness.work(worker, "first_page", tls=tls).whole * 1000


def cold_from_afar(worker: str, delay: float) -> Side:
    """Measure the same over https, ``delay`` seconds each way.

    TCP connects without a delay; the TLS handshake and requests are delayed.
    """

    def side(harness: Harness) -> float:
        port = urlsplit(harness.https).port
        assert port is not None
        with Relay(port, delay=delay) as relay:
            url = f"https://127.0.0.1:{relay.port}"
            return harness.work(worker, "first_page", tls=True, url=url).whole * 1000

    return side


def cpu_seconds(worker: str, job: str, *values: int) -> Side:
    """Measure the CPU seconds of a job."""
    return lambda harness: harness.work(worker, job, *values).cpu


def peak(worker: str, job: str, *values: int) -> Side:
    """Measure the peak memory in MiB."""
    return lambda harness: harness.work(worker, job, *values).peak_mib


def seconds(worker: str, job: str, *values: int) -> Side:
    """Measure the seconds of a job."""
    return lambda harness: harness.work(worker, job, *values).wall


_COMMAND = """
import os, sys
os.environ |= {{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}}
sys.argv = ["command", *{arguments!r}]
from {module} import main
sys.exit(main())
"""


def command(site: str, *, tls: bool = False, to_the_end: bool = False) -> Side:
    """Measure the milliseconds of a command that lists one page, to its first output or its end."""
    module, group = "imagebuilder_pager.cli.main", []
    if site == "awscli":
        module, group = "awscli.clidriver", ["imagebuilder"]

    def side(harness: Harness) -> float:
        given = [
            *group,
            *("list-lifecycle-execution-resources", "--lifecycle-execution-id", execution_id(1)),
            *("--endpoint-url", harness.https if tls else harness.http, "--region", "us-west-2"),
            *("--output", "json"),
        ]
        code = _COMMAND.format(module=module, arguments=given)
        measured = harness.python(code, site, tls=tls)
        return (measured.whole if to_the_end else measured.first) * 1000

    return side


def measure_import_alone(harness: Harness, rounds: int) -> Samples:
    """Measure the milliseconds of the import, without those of bare Python."""

    def whole(code: str, site: str) -> Side:
        return lambda harness: harness.python(code, site).whole * 1000

    times = in_turns(
        peer=whole("import boto3", "boto3"),
        ours=whole("import imagebuilder_pager", LIBRARY),
        limit=whole("pass", LIBRARY),
        warm_up=True,
    )(harness, rounds)
    # The difference of two processes is smaller than the noise of either: bare Python and boto3 are
    # medians. Ours are the numbers of each round, so that the spread shows the noise.
    bare = statistics.median(times.limit)
    boto3 = statistics.median(times.peer) - bare
    return Samples(peer=[boto3] * rounds, ours=[ours - bare for ours in times.ours])


def size(peer: str, ours: str) -> Measure:
    """Return the measure of the sizes in MB of two distributions, as pip installs them.

    The sizes are those of the files, without bytecode.
    """
    # The size is the same in each round.
    return lambda *_: Samples([_installed_size(peer)], [_installed_size(ours)])


@cache
def _installed_size(name: str) -> float:
    """Return the megabytes of the files of a distribution and what it requires."""
    requirement, pins = name, [ROOT / "constraints.txt"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if name.startswith(LIBRARY):
            dist.build(Path(folder, "dist"))
            (wheel,) = Path(folder, "dist").glob(f"{name.replace('-', '_')}-*.whl")
            requirement = str(wheel)
        elif name == "aiobotocore":
            pins = [AIOBOTOCORE / "constraints.txt", ROOT / "requirements-aiobotocore.txt"]
        site = Path(folder, "site")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        pip += ["--no-compile", "--target", str(site), requirement]
        subprocess.run([*pip, *(f"--constraint={file}" for file in pins)], check=True)
        return sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6
