"""The exit of the interpreter waits for no prefetching; a forked process has no thread for it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import atexit
import threading

requests = []
second_request = threading.Event()
answer = threading.Event()


atexit.register(lambda: {at_exit})

from imagebuilder_pager.pagination import PaginationSpec, Paginator


def list_things(**params):
    requests.append(params)
    if len(requests) > 1:
        second_request.set()
        answer.wait()
    return {{"Things": [1], "Token": f"t{{len(requests)}}"}}


spec = PaginationSpec(input_token="Token", output_token="Token", result_key="Things")
iterator = iter(Paginator(list_things, spec).paginate(PaginationConfig={{"Prefetch": 40}}))
next(iterator)
second_request.wait()
{end}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit"])
@pytest.mark.parametrize("at_exit", ["None", "answer.set()"])
def test_an_unfinished_iterator_does_not_hold_up_the_exit(end: str, at_exit: str) -> None:
    """With ``None`` the second request is never answered."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end, at_exit=at_exit)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


FORK = """
import os

from imagebuilder_pager.exceptions import PaginationError
from imagebuilder_pager.pagination import PaginationSpec, Paginator


def list_things(Token=0):
    return {"Things": [Token], "Token": Token + 1}


spec = PaginationSpec(input_token="Token", output_token="Token", result_key="Things")
iterator = iter(Paginator(list_things, spec).paginate(PaginationConfig={"Prefetch": 2}))
next(iterator)
child = os.fork()
if child == 0:
    try:
        for _ in range(4):
            next(iterator)
    except PaginationError as error:
        print(str(error)[:40], flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(next(iterator)["Things"])
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork")
def test_an_iteration_with_prefetch_stays_with_the_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "the thread that fetches the pages is not\n[1]\n"
