"""The rows of the table, with the targets of each."""

from __future__ import annotations

import re

from .fleet_rows import FLEET_ROWS
from .measures import (
    measure_cold,
    measure_cold_from_afar,
    measure_command_line,
    measure_command_over_library,
    measure_cpu_async,
    measure_cpu_sync,
    measure_executions,
    measure_growth,
    measure_import_alone,
    measure_memory,
    measure_prefetch,
    measure_size,
    measure_walk,
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
            peer="boto3",
            unit="ms",
            measure=measure_cpu_sync(worker),
            rounds=9,
            must=0.28 if prefix else 0.45,
            aim=0.22 if prefix else 0.35,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"{prefix}cpu-async-{at_a_time}",
            what=f"{way}CPU per page, async, {at_a_time} at a time",
            peer="aiobotocore",
            unit="ms",
            measure=measure_cpu_async(worker, at_a_time),
            rounds=5,
            must=0.35 if prefix else 0.75,
            aim=0.28 if prefix else 0.6,
        )
        for prefix, way, _, worker in _WAYS
        for at_a_time in (1, 16)
    ),
    *(
        Row(
            name=f"{prefix}cold-{'https' if tls else 'http'}",
            what=f"{way}cold start to the first page printed, {'https' if tls else 'http'}",
            peer="boto3",
            unit="ms",
            measure=measure_cold(worker, tls=tls),
            rounds=15,
            must=0.70 if prefix else 1.00,
            aim=0.60 if prefix else 0.90,
        )
        for prefix, way, worker, _ in _WAYS
        for tls in (False, True)
    ),
    *(
        Row(
            name=f"{prefix}cpu-sync-capo",
            what=f"{way}CPU per page of 25 resources, sync",
            peer="capo-imagebuilder",
            unit="ms",
            # Fewer pages of the peer's, since each takes 43 ms without using the CPU.
            measure=measure_cpu_sync(worker, "peer_capo", 100),
            rounds=5,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    *(
        Row(
            name=f"{prefix}cold-http-capo",
            what=f"{way}cold start to the first page printed, http",
            peer="capo-imagebuilder",
            unit="ms",
            measure=measure_cold(worker, "peer_capo", tls=False),
            rounds=15,
            must=0.99 if prefix else None,
            aim=0.90 if prefix else None,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    Row(
        name="h11-cold-afar",
        what="H11Client: the same, https, 30 ms each way",
        peer="boto3",
        unit="ms",
        measure=measure_cold_from_afar("ours_h11", 0.030),
        rounds=9,
        must=0.65,
        aim=0.55,
    ),
    *(
        Row(
            name=f"{prefix}memory",
            what=f"{way}peak memory of one listing",
            peer="boto3",
            unit="MiB",
            measure=measure_memory(worker),
            rounds=5,
            must=0.70 if prefix else 0.88,
            aim=0.65 if prefix else 0.80,
        )
        for prefix, way, worker, _ in _WAYS
    ),
    Row(
        name="command",
        what="the command line, from start to the first item, http",
        peer="AWS CLI v1",
        unit="ms",
        measure=measure_command_line(),
        rounds=25,
        must=0.50,
        aim=0.42,
    ),
    Row(
        name="command-https",
        what="the same, https",
        peer="AWS CLI v1",
        unit="ms",
        measure=measure_command_line(tls=True),
        rounds=25,
        must=0.50,
        aim=0.42,
    ),
    Row(
        name="command-whole",
        what="the same, http, to the end of the process",
        peer="AWS CLI v1",
        unit="ms",
        measure=measure_command_line(to_the_end=True),
        rounds=9,
    ),
    Row(
        name="command-over-library",
        what="the command line's first item over the library's own, http",
        peer="cold start, http",
        unit="ms",
        measure=measure_command_over_library,
        rounds=9,
        must=1.2,
        aim=1.0,
    ),
    Row(
        name="import",
        what="import alone, over bare Python",
        peer="import boto3",
        unit="ms",
        measure=measure_import_alone,
        rounds=31,
        must=0.10,
        aim=0.05,
    ),
    Row(
        name="growth",
        what="memory over 20,000 pages streamed",
        peer="200 pages",
        unit="MiB",
        measure=measure_growth,
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
        measure=measure_size(),
        rounds=1,
        must=0.45,
        aim=0.35,
    ),
    Row(
        name="h11-size",
        what="H11Client: site-packages, lean",
        peer="pip install boto3",
        unit="MB",
        measure=measure_size(lean=True),
        rounds=1,
        must=0.28,
        aim=0.25,
    ),
    Row(
        name="prefetch",
        what="50 ms latency and 50 ms of work a page, Prefetch 1",
        peer="Prefetch 0",
        unit="s",
        measure=measure_prefetch(busy=False),
        rounds=3,
        must=0.60,
        aim=0.52,
    ),
    Row(
        name="prefetch-busy",
        what="the same, where the work is computing",
        peer="Prefetch 0",
        unit="s",
        measure=measure_prefetch(busy=True),
        rounds=2,
    ),
    Row(
        name="executions",
        what="64 executions of 8 pages at 50 ms latency, async, 16 at a time",
        peer="boto3, one after the other",
        unit="s",
        measure=measure_executions,
        rounds=2,
        must=1 / 12,
        aim=1 / 15,
    ),
    *(
        Row(
            name=f"{prefix}walk{'-children' if children else ''}",
            what=f"{way}CPU per page of a walk{', with the outputs of images' if children else ''}",
            peer="its single listings",
            unit="ms",
            measure=measure_walk(worker, children=children),
            rounds=9,
            must=1.15,
            aim=1.05,
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
