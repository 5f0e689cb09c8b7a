"""``--check``: what STS says of the credentials of each account."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ...exceptions import PagerError
from ...fleet.credentials import FleetCredentials

if TYPE_CHECKING:
    from ...fleet import Target
    from ..stdout import Stdout

_MAX_CALLS = 8  # at a time


def check_accounts(targets: Sequence[Target], stdout: Stdout) -> bool:
    """Write a line for each account: its name, its id, and the ARN of the caller or the error.

    Return whether there is no error.
    """
    credentials = FleetCredentials()

    def ask(target: Target) -> tuple[bool, str, str]:
        try:
            identity = credentials.identity_of(target)
        except PagerError as error:
            return False, target.account.account_id or "-", str(error).replace("\n", " ")
        return True, identity["Account"], identity["Arn"]

    firsts = list({target.account: target for target in reversed(targets)}.values())[::-1]
    width = max(len(target.account.label) for target in firsts)
    is_complete = True
    executor = ThreadPoolExecutor(_MAX_CALLS)
    try:
        for target, (is_known, account_id, text) in zip(
            firsts, executor.map(ask, firsts), strict=True
        ):
            stdout.write(f"{target.account.label:<{width}}  {account_id:<12}  {text}\n")
            is_complete = is_complete and is_known
    finally:
        executor.shutdown(cancel_futures=True)
    return is_complete
