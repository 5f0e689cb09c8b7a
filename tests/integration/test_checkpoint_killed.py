"""The README's program with a checkpoint, killed some seventy times while it lists."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.command_line import local_environment, page_server

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
(PROGRAM,) = (block for block in BLOCKS if "Checkpoint(" in block)
IDS = [f"ami-{number}" for number in range(240)]
PAGE_SIZE = 7
KILLS = 72

# Runs the program again and again, each time in a child process that has all modules already, since
# importing is slow. A child is killed before one of its writes, counted from its start, or at any
# time, at the latest before the fortieth write.
KILL_AT_EACH_WRITE = """
import builtins, itertools, json, os, random, signal, sys

import imagebuilder_pager.client
import imagebuilder_pager.models.lifecycle
import imagebuilder_pager.pagination.checkpoint
from imagebuilder_pager._aws.auth import botocore_sigv4
from imagebuilder_pager._aws.transport import httpx_transport

program = compile(sys.stdin.read(), "<README>", "exec")
kills, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
NAMES = ("open", "unlink", "fsync", "replace", "fchmod")


def run(when):
    calls = itertools.count(1)
    last = {"at a write": rng.randrange(1, 25), "at any time": 40, "never": None}[when]

    def die_at(function):
        def call(*arguments, **keywords):
            if next(calls) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)

        return call

    for name in NAMES:
        setattr(os, name, die_at(getattr(os, name)))
    builtins.print = die_at(print)
    if when == "at any time":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.001, 0.03))
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    exec(program, {"__name__": "__main__"})


for number in range(kills + 200):
    when = ("at a write", "at a write", "at any time")[number % 3] if number < kills else "never"
    rng.seed(seed + number)
    child = os.fork()
    if not child:
        code = 1
        try:
            run(when)
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    report = {"killed": os.WIFSIGNALED(status), "status": status, "size": os.fstat(1).st_size}
    try:
        with open("resources.checkpoint") as file:
            report["checkpoint"] = json.loads(file.read())
    except FileNotFoundError:
        report["checkpoint"] = None
    sys.stderr.write(json.dumps(report) + "\\n")
    if when == "never":
        break
"""


@pytest.mark.parametrize("last_page", ["full", "empty"])
def test_the_readme_program_is_killed_and_loses_nothing(tmp_path: Path, last_page: str) -> None:
    """Only the item under way comes twice, at most once for each kill."""

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        start = int(request.get("nextToken") or 0)
        page = [{"resourceId": name} for name in IDS[start : start + PAGE_SIZE]]
        end = start + len(page)
        more = end < len(IDS) or (last_page == "empty" and page)
        return {"resources": page, **({"nextToken": str(end)} if more else {})}

    output = tmp_path / "output"
    seed = int.from_bytes(os.urandom(4))
    with page_server(respond) as server, output.open("ab") as file:
        ran = subprocess.run(
            [sys.executable, "-c", KILL_AT_EACH_WRITE, str(KILLS), str(seed)],
            input=PROGRAM.encode(),
            stdout=file,
            stderr=subprocess.PIPE,
            env={**os.environ, **local_environment(server.url)},
            cwd=tmp_path,
            check=False,
            timeout=300,
        )
    assert ran.returncode == 0, f"seed {seed}: {ran.stderr.decode()}"
    reports = [json.loads(line) for line in ran.stderr.splitlines()]
    killed = [report for report in reports if report["killed"]]
    assert all(report["killed"] or report["status"] == 0 for report in reports), f"seed {seed}"
    assert len(killed) >= 60, "the listing was over before it could be killed"
    data = output.read_bytes()
    starts = [0, *(report["size"] for report in reports)]
    lines: list[str] = []
    for start, end in itertools.pairwise(starts):
        new = data[start:end].decode().splitlines()
        # The first item of a run may be the last of the one before, and no other.
        lines += new[1:] if lines and new[:1] == lines[-1:] else new
    assert lines == IDS, f"seed {seed}"
    last = reports[-1]["checkpoint"]
    assert (last["finished"], last["token"]) == (True, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output", "resources.checkpoint"]
