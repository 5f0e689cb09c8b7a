"""The targets of a fleet: each region of each account, from arguments or from a TOML file."""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .._aws.config.region import region_problem
from .._validation import ROLE_ARN, describe_invalid_value, describe_value
from ..exceptions import InvalidConfigError, ParamValidationError, Problem

#: The patterns of an account's values, and their descriptions. STS documents those of a role.
_CHECKS = {
    "role_arn": (ROLE_ARN, "a role's ARN, such as arn:aws:iam::111122223333:role/Reader"),
    "profile": (r"(?s).+", "a profile of AWS's shared files"),
    "name": (r"[\w+=,.@-]{1,64}", "1 to 64 letters, digits and + = , . @ _ -"),
    "external_id": (r"[\w+=,.@:/-]{2,1224}", "2 to 1224 letters, digits and + = , . @ : / _ -"),
    "session_name": (r"[\w+=,.@-]{2,64}", "2 to 64 letters, digits and + = , . @ _ -"),
}
_SHARED_KEYS = ("profile", "session_name")
_MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """An account to list: by a role to assume, by a profile, or with the usual credentials.

    - ``role_arn``: the role to assume. Default: None, no role.
    - ``profile``: a profile in AWS's shared files, for the account or to assume the role. Default:
      None, the credentials that boto3 would find.
    - ``name``: the account's name in the database and in reports. Default: None, for the role's
      account id, else the profile, else ``default``.
    - ``external_id``: the external id that the role requires. Default: None.
    - ``session_name``: the name of the role's session. Default: ``imagebuilder-pager``.
    - ``regions``: its regions, instead of those for all accounts. Default: none.
    """

    role_arn: str | None = None
    profile: str | None = None
    name: str | None = None
    external_id: str | None = field(default=None, repr=False)
    session_name: str = "imagebuilder-pager"
    regions: tuple[str, ...] = ()

    @property
    def account_id(self) -> str | None:
        """The id of the role's account; None without a role."""
        match = re.fullmatch(_CHECKS["role_arn"][0], str(self.role_arn), re.ASCII)
        return match[1] if match else None

    @property
    def label(self) -> str:
        """The name of the account in the database and in reports."""
        return self.name or self.account_id or self.profile or "default"


@dataclass(frozen=True, slots=True)
class Target:
    """One region of an account: plain data without credentials, for any machine.

    - ``account``: the :class:`Account`.
    - ``region``: the region's name.
    """

    account: Account
    region: str

    @property
    def name(self) -> str:
        """The account's label and the region, such as ``111122223333/us-west-2``."""
        return f"{self.account.label}/{self.region}"


def make_targets(accounts: Iterable[Account], regions: Sequence[str] = ()) -> tuple[Target, ...]:
    """Return a target for each account and each of its regions.

    - ``accounts``: one or more :class:`Account`.
    - ``regions``: the regions of accounts without ``regions``. Default: none.

    Raises :class:`ParamValidationError`, which names each invalid account and argument.
    """
    document = {"regions": regions, "accounts": [asdict(account) for account in accounts]}
    targets, problems = _read(document)
    if problems:
        raise ParamValidationError("make_targets", problems)
    return targets


def target_problems(targets: Sequence[Target]) -> list[Problem]:
    """Return the problems of targets: none given, other objects, and duplicates."""
    if not targets:
        return [Problem("targets", "none given", "one or more")]
    others = [(n, one) for n, one in enumerate(targets) if not isinstance(one, Target)]
    problems = [describe_invalid_value(f"targets[{n}]", one, "a Target") for n, one in others]
    return problems or _duplicates(targets)


def load_targets(path: str | os.PathLike[str]) -> tuple[Target, ...]:
    """Return the targets of a TOML file.

    Keys of the file: ``regions``, ``profile``, ``session_name``, and ``accounts``, an array of
    tables with the attributes of :class:`Account`. Raises ``OSError``, and
    :class:`InvalidConfigError`, which names the file, the table and the key of each problem.
    """
    shown = os.fspath(path)
    with Path(path).open("rb") as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise InvalidConfigError(f"{shown}: larger than 1 MiB, which is not a file of targets")
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidConfigError(f"{shown}: not valid TOML: {error}") from None
    targets, problems = _read(document)
    if problems:
        raise InvalidConfigError(f"{shown}: not valid" + "".join(f"\n  - {p}" for p in problems))
    return targets


def _read(document: Mapping[str, Any]) -> tuple[tuple[Target, ...], list[Problem]]:
    """Return the targets of a document, such as a file has, and its problems."""
    problems = [*_value_problems("", document, ("regions", *_SHARED_KEYS, "accounts"))]
    tables = document.get("accounts", [])
    if not tables:
        problems.append(Problem("accounts", "none given", "one or more"))
    elif not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(describe_invalid_value("accounts", tables, "tables, each [[accounts]]"))
        tables = None
    shared = {key: document[key] for key in _SHARED_KEYS if key in document}
    targets: list[Target] = []
    for number, table in enumerate(tables or ()):
        path = f"accounts[{number}]."
        problems += _value_problems(path, table, (*_CHECKS, "regions"))
        if table.get("external_id") is not None and table.get("role_arn") is None:
            problems.append(Problem(f"{path}external_id", "given without role_arn"))
        if not table.get("regions") and not document.get("regions"):
            problems += [Problem(f"{path}regions", "none given, and no regions for all accounts")]
        values = shared | {key: table[key] for key in _CHECKS if key in table}
        account = Account(**values, regions=_regions(table))
        targets += [Target(account, region) for region in account.regions or _regions(document)]
    return tuple(targets), problems + _duplicates(targets)


def _value_problems(path: str, table: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of each key and value of a table."""
    for key, value in table.items():
        name, (pattern, allowed) = f"{path}{key[:80]}", _CHECKS.get(key, ("", ""))
        text = value if isinstance(value, str) else ""  # which matches no pattern
        if key not in keys:
            yield Problem(name, "not a key", ", ".join(keys))
        elif key == "regions" and not isinstance(value, (list, tuple)):
            yield describe_invalid_value(name, value, "a list of regions")
        elif key == "regions":
            problems = (region_problem(region, f"{name}[{n}]") for n, region in enumerate(value))
            yield from filter(None, problems)
        elif allowed and value is not None and not re.fullmatch(pattern, text, re.ASCII):
            # An external id is a secret.
            shown = "another value" if key == "external_id" else describe_value(value)
            yield Problem(name, f"{shown} given", allowed)


def _regions(table: Mapping[str, Any]) -> tuple[str, ...]:
    regions = table.get("regions")
    return tuple(regions) if isinstance(regions, (list, tuple)) else ()


def _duplicates(targets: Sequence[Target]) -> list[Problem]:
    counts = Counter(target.name for target in targets)
    given = "is there twice; give one of the accounts a name"
    return [Problem("accounts", f"{name} {given}") for name, n in counts.items() if n > 1]
