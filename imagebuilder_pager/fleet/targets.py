"""The targets of a fleet: accounts times regions, from arguments or from a TOML file.

    regions = ["us-west-2", "eu-west-1"]    # of each account that has none of its own
    profile = "ops"                         # whose credentials assume the roles

    [[accounts]]
    role_arn = "arn:aws:iam::111122223333:role/ImageBuilderReader"

    [[accounts]]
    name = "build"                          # without a role: the profile's own account
    profile = "build"
    regions = ["us-east-1"]

A target holds no credentials, so that it can be sent to another machine.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._aws.config.region import region_problem
from .._validation import InvalidValueError, describe_invalid_value
from ..exceptions import InvalidConfigError, ParamValidationError, Problem

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]{1,576}", re.ASCII)
# STS's own rules for the two.
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_MAX_FILE_BYTES = 1024 * 1024

_DEFAULT_SESSION_NAME = "imagebuilder-pager"


@dataclass(frozen=True, slots=True)
class Account:
    """An account to list: by a role to assume, by a profile, or with the usual credentials.

    - ``role_arn``: the role to assume. Default: None, no role.
    - ``profile``: the profile in AWS's shared files whose credentials are used, for the role if
      there is one. Default: None, the credentials that boto3 would find.
    - ``name``: the account's name in the database and in reports. Default: None, for the role's
      account id, else the profile, else ``default``.
    - ``external_id``: the external id that the role asks for. Default: None.
    - ``session_name``: the name of the role's session. Default: ``imagebuilder-pager``.
    - ``regions``: its regions, in place of those of all accounts. Default: none.
    """

    role_arn: str | None = None
    profile: str | None = None
    name: str | None = None
    external_id: str | None = field(default=None, repr=False)
    session_name: str = _DEFAULT_SESSION_NAME
    regions: tuple[str, ...] = ()

    @property
    def account_id(self) -> str | None:
        """The id of the role's account; None without a role, where it is not known."""
        match = _ROLE_ARN.fullmatch(self.role_arn or "")
        return match[1] if match else None

    @property
    def label(self) -> str:
        """The name of the account in the database and in reports."""
        return self.name or self.account_id or self.profile or "default"


@dataclass(frozen=True, slots=True)
class Target:
    """One region of an account. It is plain data, without credentials.

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
    - ``regions``: the regions of accounts without regions of their own. Default: none.

    Raises :class:`ParamValidationError`, which names each account and argument that is not valid.
    """
    tables = list(accounts)
    problems = [] if tables else [Problem("accounts", "none given", "one or more")]
    problems += _region_problems("regions", regions)
    targets: list[Target] = []
    for number, account in enumerate(tables):
        path = f"accounts[{number}]"
        problems += _account_problems(path, account)
        if not account.regions and not regions:
            problems.append(
                Problem(f"{path}.regions", "none given, and no regions for all accounts")
            )
        targets += [Target(account, region) for region in account.regions or regions]
    problems += _duplicates(targets)
    if problems:
        raise ParamValidationError("make_targets", problems)
    return tuple(targets)


def validate_targets(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return the targets. Raises ``ValueError`` for none, other objects, and one that is twice."""
    validated = tuple(targets)
    for number, target in enumerate(validated):
        if not isinstance(target, Target):
            raise InvalidValueError(
                describe_invalid_value(f"targets[{number}]", target, "a Target")
            )
    if not validated:
        raise InvalidValueError(Problem("targets", "none given", "one or more"))
    for problem in _duplicates(validated):
        raise InvalidValueError(problem)
    return validated


def load_targets(path: str | os.PathLike[str]) -> tuple[Target, ...]:
    """Return the targets of a TOML file.

    Keys of the file: ``regions``, ``profile``, ``session_name``, and ``accounts``, an array of
    tables with the attributes of :class:`Account`. Raises :class:`InvalidConfigError`, which names
    the file, the table and the key of all that is not valid, and ``OSError`` as the system does.
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
    problems: list[Problem] = []
    accounts = list(_read_accounts(document, problems))
    regions = tuple(_read_strings(document, "", "regions", problems))
    if not problems:
        try:
            return make_targets(accounts, regions)
        except ParamValidationError as error:
            problems = list(error.problems)
    raise InvalidConfigError(f"{shown}: not valid" + "".join(f"\n  - {p}" for p in problems))


_ACCOUNT_KEYS = ("role_arn", "profile", "name", "external_id", "session_name")


def _read_accounts(document: Mapping[str, Any], problems: list[Problem]) -> Iterator[Account]:
    allowed = ("regions", "profile", "session_name", "accounts")
    problems += _unknown_keys("", document, allowed)
    defaults = {
        key: value
        for key in ("profile", "session_name")
        if (value := _read_string(document, "", key, problems)) is not None
    }
    tables = document.get("accounts", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(describe_invalid_value("accounts", tables, "tables, each [[accounts]]"))
        return
    for number, table in enumerate(tables):
        path = f"accounts[{number}]."
        problems += _unknown_keys(path, table, (*_ACCOUNT_KEYS, "regions"))
        values: dict[str, Any] = dict(defaults)
        for key in _ACCOUNT_KEYS:
            if (value := _read_string(table, path, key, problems)) is not None:
                values[key] = value
        yield Account(**values, regions=tuple(_read_strings(table, path, "regions", problems)))


def _unknown_keys(path: str, table: Mapping[str, Any], allowed: Sequence[str]) -> Iterator[Problem]:
    for key in table:
        if key not in allowed:
            yield Problem(f"{path}{key[:80]}", "not a key", ", ".join(allowed))


def _read_string(
    table: Mapping[str, Any], path: str, key: str, problems: list[Problem]
) -> str | None:
    value = table.get(key)
    if value is None or isinstance(value, str):
        return value
    problems.append(describe_invalid_value(f"{path}{key}", value, "a string"))
    return None


def _read_strings(
    table: Mapping[str, Any], path: str, key: str, problems: list[Problem]
) -> list[str]:
    values = table.get(key, [])
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return values
    problems.append(describe_invalid_value(f"{path}{key}", values, "an array of strings"))
    return []


def _account_problems(path: str, account: Account) -> Iterator[Problem]:
    checks = (
        ("role_arn", _ROLE_ARN, "a role's ARN, such as arn:aws:iam::111122223333:role/Reader"),
        ("name", _NAME, "1 to 64 letters, digits and + = , . @ _ -"),
        ("external_id", _EXTERNAL_ID, "2 to 1224 letters, digits and + = , . @ : / _ -"),
        ("session_name", _SESSION_NAME, "2 to 64 letters, digits and + = , . @ _ -"),
    )
    for name, pattern, allowed in checks:
        value = getattr(account, name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            if name == "external_id":  # which is not to be repeated
                yield Problem(f"{path}.external_id", "another value given", allowed)
            else:
                yield describe_invalid_value(f"{path}.{name}", value, allowed)
    if account.external_id is not None and account.role_arn is None:
        yield Problem(f"{path}.external_id", "given without role_arn")
    if account.profile is not None and not account.profile:
        yield Problem(f"{path}.profile", "'' given", "a profile of AWS's shared files")
    yield from _region_problems(f"{path}.regions", account.regions)


def _region_problems(path: str, regions: Sequence[str]) -> Iterator[Problem]:
    if isinstance(regions, str):
        yield describe_invalid_value(path, regions, "a list of regions")
        return
    for number, region in enumerate(regions):
        if (problem := region_problem(region, f"{path}[{number}]")) is not None:
            yield problem


def _duplicates(targets: Sequence[Target]) -> Iterator[Problem]:
    seen: set[str] = set()
    for target in targets:
        if target.name in seen:
            given = f"{target.name} is there twice; give one of the accounts a name"
            yield Problem("accounts", given)
        seen.add(target.name)
