"""The options of a command: one for each member of its operation's request, as in the AWS CLI."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

#: The kind of a member: ``"string"``, ``"integer"``, ``"boolean"``, a tuple of the values of an
#: enum, a list with the kind of its items, or a dictionary with the kinds of a structure's members.
Kind: TypeAlias = Any


class Command(NamedTuple):
    """A command: the method of its operation, a summary of the response, and the members.

    ``members`` are those of the request by their wire names. ``limit_key`` is the one that limits
    a page, None where there is none.
    """

    method_name: str
    summary: str
    members: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    is_paginated: bool = False
    limit_key: str | None = None

    @property
    def verb(self) -> str:
        """The verb of the command: list or get."""
        return self.method_name.partition("_")[0]

    @property
    def listing_members(self) -> list[str]:
        """The members that say what is listed, and not from where or how much at a time."""
        return [name for name in self.members if name not in {self.limit_key, "nextToken"}]


_SHORTHAND = "name=NAME,values=VALUE,VALUE or JSON"
# The metavar and the help of each member.
_HELP = {
    "byName": (None, "list by name"),
    "componentVersionArn": ("ARN", "the version of the component"),
    "filter": ("FILTER", _SHORTHAND),
    "filters": ("FILTER", f"one or more, each {_SHORTHAND}"),
    "imageBuildVersionArn": ("ARN", "the build of the image"),
    "imagePipelineArn": ("ARN", "the pipeline"),
    "imageVersionArn": ("ARN", "the version of the image"),
    "includeDeprecated": (None, "list deprecated images, too"),
    "lifecycleExecutionId": ("ID", "lce-..."),
    "lifecyclePolicyArn": ("ARN", "the lifecycle policy"),
    "maxResults": ("N", "items in the page; turns pagination off"),
    "nextToken": ("TOKEN", "the service's own token; turns pagination off"),
    "owner": ("OWNER", ""),
    "parentResourceId": ("ARN", "only what belongs to this image resource"),
    "resourceArn": ("ARN", "the lifecycle policy, or the image that it acted on"),
    "workflowExecutionId": ("ID", "wf-..."),
    "workflowVersionArn": ("ARN", "the version of the workflow"),
}


def option_name(member: str) -> str:
    """Return the option of a member: ``--by-name`` for ``byName``."""
    return "--" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", member).lower()


def metavar(member: str) -> str:
    """Return what stands for a value of the member in the help."""
    return _HELP[member][0] or ""


def add_request_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the options that say what to ask for; each one's value is under the wire name."""
    request = parser.add_argument_group("Request")
    for name in command.listing_members:
        _add_member(request, command, name)
    request.add_argument(
        "--cli-input-json",
        metavar="JSON",
        help="the parameters as JSON, or file://PATH of a JSON file; other options override them",
    )


def add_pagination_options(parser: argparse.ArgumentParser, command: Command) -> Any:
    """Add the options of a paginated command, and return their group."""
    pagination = parser.add_argument_group("Pagination")
    pagination.add_argument("--max-items", type=int, metavar="N", help="stop after N items")
    if command.limit_key is not None:
        pagination.add_argument("--page-size", type=int, metavar="N", help="items in each page")
    pagination.add_argument(
        "--starting-token", metavar="TOKEN", help="resume at the NextToken of an earlier run"
    )
    for name in command.members:
        if name not in command.listing_members:
            _add_member(pagination, command, name)
    pagination.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="with --output jsonl: save the progress in this file, and resume from it where it "
        "exists",
    )
    return pagination


def _add_member(group: Any, command: Command, name: str) -> None:
    kind, option = command.members[name], option_name(name)
    text = _HELP[name][1]
    if name in command.required:
        text += ", required"
    if kind == "boolean":
        either = group.add_mutually_exclusive_group()
        either.add_argument(option, dest=name, action="store_true", default=None, help=text)
        either.add_argument(
            option.replace("--", "--no-", 1), dest=name, action="store_false", default=None
        )
        return
    if isinstance(kind, tuple):
        text = ", ".join(kind)
    details: dict[str, Any] = {}
    if kind == "integer":
        details["type"] = int
    elif isinstance(kind, list):
        details["nargs"] = "*"
    group.add_argument(option, dest=name, metavar=metavar(name), help=text, **details)
