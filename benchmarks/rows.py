"""The rows of the table, with the targets of each."""

from __future__ import annotations

import re

from .distributions import LIBRARY
from .fleet_rows import FLEET_ROWS
from .measures import (
    cold,
    cold_from_afar,
    command,
    cpu,
    in_turns,
    measure_import_alone,
    peak,
    seconds,
    size,
)
from .results import Row

__all__ = ["ROWS", "rows_named"]

#: The two ways to send: prefixes of the rows' names and texts, the sync and the async worker.
_WAYS = (
    ("", "", "ours", "ours_async"),
    ("h11-", "H11Client: ", "ours_h11", "ours_async_h11"),
)

ROWS = (
    *(
        Row(
            name=f"{prefix}cpu-sync",
            what=f"{way}CPU per page of 25 resources, sync",
            measure=in_turns(
                peer=cpu("peer_boto3", "stream", 300, 50),
                ours=cpu(worker, "stream", 600, 50),
                limit=cpu("limit", "stream", 600, 50),
            ),
            target=(0.28, 0.22) if prefix else (0.45, 0.35),
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"{prefix}cpu-async-{at_a_time}",
            what=f"{way}CPU per page, async, {at_a_time} at a time",
            peer="aiobotocore",
            measure=in_turns(
                peer=cpu("peer_aiobotocore", "stream", 320, max(2, 48 // at_a_time), at_a_time),
                ours=cpu(worker, "stream", 640, max(2, 48 // at_a_time), at_a_time),
            ),
            rounds=5,
            target=(0.35, 0.28) if prefix else (0.75, 0.6),
        )
        for prefix, way, _, worker in _WAYS
        for at_a_time in (1, 16)
    ),
    *(
        Row(
            name=f"{prefix}cold-{'https' if tls else 'http'}",
            what=f"{way}cold start to the first page printed, {'https' if tls else 'http'}",
            measure=in_turns(
                peer=cold("peer_boto3", tls=tls),
                ours=cold(worker, tls=tls),
                limit=cold("limit", tls=tls),
                warm_up=True,
            ),
            rounds=15,
            target=(0.70, 0.60) if prefix else (1.00, 0.90),
        )
        for prefix, way, worker, _ in _WAYS
        for tls in (False, True)
    ),
    *(
        Row(
            name=f"{prefix}cpu-sync-capo",
            what=f"{way}CPU per page of 25 resources, sync",
            peer="capo-imagebuilder",
            measure=in_turns(
                # Fewer pages: each takes 43 ms without using the CPU.
                peer=cpu("peer_capo", "stream", 100, 50),
                ours=cpu(worker, "stream", 600, 50),
                limit=cpu("limit", "stream", 600, 50),
            ),
            rounds=5,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"{prefix}cold-http-capo",
            what=f"{way}cold start to the first page printed, http",
            peer="capo-imagebuilder",
            measure=in_turns(
                peer=cold("peer_capo"), ours=cold(worker), limit=cold("limit"), warm_up=True
            ),
            rounds=15,
            target=(0.99, 0.90) if prefix else None,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    Row(
        name="h11-cold-afar",
        what="H11Client: the same, https, 30 ms each way",
        measure=in_turns(
            peer=cold_from_afar("peer_boto3", 0.030),
            ours=cold_from_afar("ours_h11", 0.030),
            warm_up=True,
        ),
        target=(0.65, 0.55),
    ),
    *(
        Row(
            name=f"{prefix}memory",
            what=f"{way}peak memory of one listing",
            unit="MiB",
            measure=in_turns(
                peer=peak("peer_boto3", "stream", 40, 1), ours=peak(worker, "stream", 40, 1)
            ),
            rounds=5,
            target=(0.70, 0.65) if prefix else (0.88, 0.80),
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"{prefix}memory-capo",
            what=f"{way}peak memory of one listing",
            unit="MiB",
            peer="capo-imagebuilder",
            measure=in_turns(
                peer=peak("peer_capo", "stream", 40, 1), ours=peak(worker, "stream", 40, 1)
            ),
            rounds=5,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"command{'-https' if tls else ''}",
            what="the same, https"
            if tls
            else "the command line, from start to the first item, http",
            peer="AWS CLI v1",
            measure=in_turns(
                peer=command("awscli", tls=tls), ours=command(LIBRARY, tls=tls), warm_up=True
            ),
            rounds=25,
            target=(0.50, 0.42),
        )
        for tls in (False, True)
    ),
    Row(
        name="command-whole",
        what="the same, http, to the end of the process",
        peer="AWS CLI v1",
        measure=in_turns(
            peer=command("awscli", to_the_end=True),
            ours=command(LIBRARY, to_the_end=True),
            warm_up=True,
        ),
    ),
    Row(
        name="command-over-library",
        what="the command line's first item over the library's own, http",
        peer="cold start, http",
        measure=in_turns(
            peer=lambda harness: harness.work("ours", "first_page").first * 1000,
            ours=command(LIBRARY),
            warm_up=True,
        ),
        target=(1.2, 1.0),
    ),
    Row(
        name="import",
        what="import alone, over bare Python",
        peer="import boto3",
        measure=measure_import_alone,
        rounds=31,
        target=(0.10, 0.05),
    ),
    Row(
        name="growth",
        what="memory over 20,000 pages streamed",
        peer="200 pages",
        unit="MiB",
        measure=in_turns(
            peer=peak("ours", "stream", 200, 1), ours=peak("ours", "stream", 20_000, 1)
        ),
        rounds=3,
        target=(3, 1),
        difference=True,
    ),
    *(
        Row(
            name=f"{prefix}size-{peer}",
            what=f"pip install {ours}",
            peer=peer,
            unit="MB",
            measure=size(peer, ours),
            rounds=1,
            target=(0.38, 0.36) if (prefix, peer) == ("lean-", "boto3") else None,
        )
        for prefix, ours in (("", LIBRARY), ("lean-", f"{LIBRARY}-lean"))
        for peer in ("boto3", "aiobotocore", "capo-imagebuilder")
    ),
    *(
        Row(
            name=f"prefetch{'-busy' if busy else ''}",
            what="the same, where the work is computing"
            if busy
            else "50 ms latency and 50 ms of work a page, Prefetch 1",
            peer="Prefetch 0",
            unit="s",
            measure=in_turns(
                peer=seconds("ours", "prefetch", 40, 50, 0, busy),
                ours=seconds("ours", "prefetch", 40, 50, 1, busy),
            ),
            rounds=2 if busy else 3,
            target=None if busy else (0.60, 0.52),
        )
        for busy in (False, True)
    ),
    Row(
        name="executions",
        what="64 executions of 8 pages at 50 ms latency, async, 16 at a time",
        peer="boto3, one after the other",
        unit="s",
        measure=in_turns(
            peer=seconds("peer_boto3", "executions", 64, 8, 50),
            ours=seconds("ours_async", "executions", 64, 8, 50, 16),
        ),
        rounds=2,
        target=(1 / 12, 1 / 15),
    ),
    *(
        Row(
            name=f"{prefix}walk{'-children' if children else ''}",
            what=f"{way}CPU per page of a walk{', with the outputs of images' if children else ''}",
            peer="its single listings",
            # With children, 24 of 25 pages are the children of one image: two AMIs.
            measure=in_turns(
                peer=cpu(worker, "single_listings", *((5, 3, 1) if children else (25, 16, 0))),
                ours=cpu(worker, "walk", *((5, 3, 1) if children else (25, 16, 0))),
            ),
            target=(1.15, 1.05),
        )
        for prefix, way, worker, _ in _WAYS
        for children in (False, True)
    ),
    *FLEET_ROWS,
)


def rows_named(patterns: list[str]) -> list[Row]:
    """Return the rows that match any of the patterns by name; without patterns, the short rows."""
    if not patterns:
        return [row for row in ROWS if not row.is_long]
    return [row for row in ROWS if any(re.fullmatch(pattern, row.name) for pattern in patterns)]
