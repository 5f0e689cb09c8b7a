"""The names and arguments of boto3's client that the clients here lack, with their replacements.

Using one is an AttributeError or a TypeError, as for any unknown name, and names the counterpart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ._validation import did_you_mean

InitT = TypeVar("InitT", bound=Callable[..., None])

_PAGE = "docs/moving-from-boto3.md has the counterparts of boto3's names"
_WAITERS = "there are no waiters; call the listing again until it has the state that you wait for"
_OPERATIONS = "the operations here are those that list, and a few that get; use boto3 for others"
_SESSION = "give region_name and credentials=session.get_credentials()"

_ATTRIBUTES = {
    "generate_presigned_url": "this library sends what it signs",
    "get_waiter": _WAITERS,
    "list_tags_for_resource": _OPERATIONS,
    "meta": "use client.region_name, client.endpoint_url, and event_hooks of an httpx.Client that "
    "is given as http_client",
    "waiter_names": _WAITERS,
}
#: The first words of the operations of boto3's client, but for those that list.
_VERBS = {
    *("cancel", "create", "delete", "distribute", "get", "import", "put"),
    *("retry", "send", "start", "tag", "untag", "update"),
}
_ARGUMENTS = {
    "api_version": "there is one version",
    "aws_account_id": "no endpoint of Image Builder depends on it",
    "aws_session": _SESSION,
    "botocore_session": _SESSION,
    "config": "its settings are arguments, such as read_timeout=5 and max_attempts=5",
    "service_name": "the client is for Image Builder alone",
    "session": _SESSION,
    "use_ssl": "give endpoint_url='http://...'",
}


def explain_missing_attribute(client: object, name: str) -> Any:
    """Raise the ``AttributeError`` for an attribute of a client, as its ``__getattr__``."""
    if name.startswith("_") or hasattr(type(client), name):
        return object.__getattribute__(client, name)  # Python's own error, or that of a property
    text = f"{type(client).__name__!r} object has no attribute {name!r}"
    if similar := did_you_mean((one for one in dir(client) if not one.startswith("_")), name):
        text += f"; {similar}"
    counterpart = _ATTRIBUTES.get(name)
    if counterpart is None and name.partition("_")[0] in _VERBS:
        counterpart = _OPERATIONS
    if counterpart is not None:
        text += f"{' Otherwise' if similar else ''}: {counterpart}. {_PAGE}"
    raise AttributeError(text, name=name)  # with obj, Python would add a second suggestion


def explain_boto3_arguments(init: InitT) -> InitT:
    """Return the ``__init__`` of a client, with a ``TypeError`` for the arguments of boto3's."""

    @functools.wraps(init)
    def explained(self: object, *args: Any, **arguments: Any) -> None:
        owner = type(self).__name__
        if args and args[0] == "imagebuilder":
            raise TypeError(f"{owner}() takes the region, not the service. {_PAGE}")
        for name in sorted(arguments.keys() & _ARGUMENTS.keys()):
            raise TypeError(f"{owner}() takes no argument {name!r}: {_ARGUMENTS[name]}. {_PAGE}")
        init(self, *args, **arguments)

    return cast("InitT", explained)
