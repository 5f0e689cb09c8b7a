"""The rows of a fleet: accounts and regions, into a database; measured only if named."""

from __future__ import annotations

from functools import partial

from .fleet_measures import AT_A_TIME, FLEET, measure_again, measure_dask, measure_report
from .measures import cpu_seconds, in_turns, peak, seconds
from .results import Row

__all__ = ["FLEET_ROWS"]


_accounts, _executions, _pages, _latency_ms = FLEET
_what = (
    f"{_accounts} accounts x 3 regions, {_executions} executions of {_pages} pages in each, "
    f"at {_latency_ms} ms, {AT_A_TIME} at a time, warm"
)
_row = partial(Row, unit="s", is_long=True)

_ours = ("ours_fleet", "fleet", *FLEET, AT_A_TIME)
_in_threads = ("peer_boto3", "fleet", *FLEET, AT_A_TIME)

FLEET_ROWS = (
    _row(
        name="fleet",
        what=f"{_what}, into a database",
        peer="a boto3 loop",
        measure=in_turns(peer=seconds("peer_boto3", "fleet", *FLEET, 0), ours=seconds(*_ours)),
        rounds=2,
        target=(1 / 16, 1 / 20),
    ),
    _row(
        name="fleet-threads",
        what="the same",
        peer=f"boto3 in {AT_A_TIME} threads",
        measure=in_turns(peer=seconds(*_in_threads), ours=seconds(*_ours)),
        rounds=7,
        target=(0.8, 0.6),
    ),
    _row(
        name="fleet-threads-cpu",
        what="the same, CPU",
        peer=f"boto3 in {AT_A_TIME} threads",
        measure=in_turns(peer=cpu_seconds(*_in_threads), ours=cpu_seconds(*_ours)),
        rounds=7,
        target=(0.6, 0.35),
    ),
    _row(
        name="fleet-growth",
        what="200,000 records into SQLite, 50,000 of them of one execution, memory",
        peer="10,000 records",
        unit="MiB",
        # The large execution is one among 30 others.
        measure=in_turns(
            peer=peak("ours_fleet", "store", 1, 20, 20, 0),
            ours=peak("ours_fleet", "store", 1, 31, 200, 2000),
        ),
        rounds=2,
        target=(10, 3),
        difference=True,
    ),
    _row(
        name="fleet-again",
        what="a second run, 40 policies of 1,000 executions that have all ended",
        peer="the pages of policies and executions",
        unit="requests",
        measure=measure_again,
        rounds=1,
        target=(1, 1),
    ),
    *(
        _row(
            name=f"fleet-report-{output}",
            what=f"a report of 200,000 records as {output}, memory",
            peer="nothing",
            unit="MiB",
            measure=measure_report(output),
            rounds=1,
            target=(40, 30),
            difference=True,
        )
        for output in ("summary", "table", "tree", "json", "jsonl", "csv", "html")
    ),
    _row(
        name="fleet-dask",
        what="a fleet without latency on 2 Dask workers",
        peer="itself with 1",
        measure=measure_dask,
        rounds=3,
    ),
)
