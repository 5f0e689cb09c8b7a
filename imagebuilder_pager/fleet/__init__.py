"""The effects of lifecycle policies in many accounts and regions, in one SQLite database.

docs/fleet.md begins with an example. Only the command line imports this package.
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

# Type checkers must not see it: with it, an unknown name would be Any.
if not TYPE_CHECKING:
    # To read a database takes no client.
    __getattr__ = lazy_attributes(
        __name__,
        {
            "FleetDatabase": "database",
            "process_executor": "executors",
            "run_fleet": "run",
            **dict.fromkeys(("FleetProgress", "FleetResult", "TargetResult"), "results"),
            **dict.fromkeys(("Account", "Target", "load_targets", "make_targets"), "targets"),
        },
        (),
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
