"""The common code of the workers. It imports little: some workers are timed from the start."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
REGION = "us-west-2"
OPERATION: Final = "list_lifecycle_execution_resources"


def execution_id(pages: int, latency_ms: int = 0) -> str:
    """Return the id of an execution of ``pages`` pages, each sent after ``latency_ms``."""
    return f"lce-{latency_ms:08d}-0000-0000-0000-{pages:012d}"


def fleet_url(
    url: str, executions: int, pages: int, *, largest: int = 0, latency_ms: int = 0
) -> str:
    """Return the URL of a fleet: in each account and region a policy with ``executions``.

    Each has this number of pages; one has ``largest`` pages, unless that is 0.
    """
    return f"{url}/{latency_ms}-{executions}-{pages}-{largest or pages}"


def role_arns(accounts: int) -> list[str]:
    """Return a role in each account."""
    return [f"arn:aws:iam::{number:012d}:role/Reader" for number in range(1, accounts + 1)]


FLEET_REGIONS = ("us-west-2", "eu-west-1", "ap-northeast-1")


def policy_arn(executions: int, pages: int) -> str:
    """Return a policy with this number of executions, and of pages of each."""
    name = f"of-{executions}-executions-of-{pages}-pages"
    return f"arn:aws:imagebuilder:{REGION}:123456789012:lifecycle-policy/{name}"


def peak_kib() -> int:
    """Return the peak memory of this process, in KiB."""
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib is not small
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    # Not on Linux: there it includes the parent's memory at the fork.
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


class Stopwatch:
    """The CPU seconds (user and system, of all threads) and the seconds since its creation."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def report(self, pages: int) -> None:
        """Print the measurements for the harness."""
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        print(f"wall={wall:.6f} cpu={cpu:.6f} pages={pages} peak_kib={peak_kib()}")


def work(seconds: float, *, busy: bool) -> None:
    """Wait or, if ``busy``, compute for this number of seconds, as a program does with a page."""
    if not busy:
        time.sleep(seconds)
        return
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
