"""What lifecycle policies have done in many accounts and regions, in one SQLite database.

    from imagebuilder_pager.fleet import Account, FleetDatabase, make_targets, run_fleet

    targets = make_targets(
        [Account(role_arn="arn:aws:iam::111122223333:role/ImageBuilderReader")],
        regions=["us-west-2", "eu-west-1"],
    )
    with FleetDatabase("fleet.sqlite") as database:
        result = run_fleet(targets, database)
        for failure in result.failures:
            print(failure.target.name, failure.error)

A later run lists what is new, and what the runs before have not listed completely, however they
ended. docs/fleet.md has the rest. No other part of the library imports this one but the command
line.
"""

from .._lazy import lazy_attributes

TYPE_CHECKING = False  # as typing's, which is slow to import
if TYPE_CHECKING:
    from .database import FleetDatabase
    from .executors import process_executor
    from .results import FleetProgress, FleetResult, TargetResult
    from .run import run_fleet
    from .targets import Account, Target, load_targets, make_targets

__all__ = [
    "Account",
    "FleetDatabase",
    "FleetProgress",
    "FleetResult",
    "Target",
    "TargetResult",
    "load_targets",
    "make_targets",
    "process_executor",
    "run_fleet",
]

# Type checkers must not see it: with it, an unknown name would be Any. A report of a database
# needs neither the client nor its models.
if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "Account": "targets",
            "FleetDatabase": "database",
            "FleetProgress": "results",
            "FleetResult": "results",
            "Target": "targets",
            "TargetResult": "results",
            "load_targets": "targets",
            "make_targets": "targets",
            "process_executor": "executors",
            "run_fleet": "run",
        },
        (),
    )
