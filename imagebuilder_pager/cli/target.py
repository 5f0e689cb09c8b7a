"""Whom to ask, and a connection there that is being made while the rest is imported.

Importing what reads and checks the pages takes a tenth of a second, in which a TLS connection, its
certificates first of all, can come about in another thread.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple, Self

from ..aws.direct import DirectClient, is_direct
from ..aws.endpoint import choose_endpoint, choose_region
from ..aws.profile import Profile
from ..aws.tls import choose_certificates
from ..service import DEFAULT_TIMEOUTS, SERVICE

__all__ = ["Target", "choose_target"]

_FOREVER = 2_000_000  # seconds, the most that the system's poll takes is a little more


class Target(NamedTuple):
    """The client's arguments, and what to send with; None for the way of the library, by httpx.

    A context manager, at whose end ``direct`` is closed.
    """

    arguments: dict[str, Any]
    direct: DirectClient | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.direct is not None:
            self.direct.close()


def choose_target(options: argparse.Namespace, profile: Profile) -> Target:
    """Whom the options, the environment and the profile name.

    Raises what :class:`ImageBuilder` raises for a region, an endpoint and timeouts. That there is
    no connection, or that certificates cannot be loaded, shows with the first request.
    """
    # As the client will choose them, from the same arguments.
    region = choose_region(options.region, profile)
    endpoint_url = choose_endpoint(SERVICE, region, profile, endpoint_url=options.endpoint_url)
    arguments = {
        "region_name": options.region,
        "endpoint_url": options.endpoint_url,
        "profile_name": options.profile,
        "verify": False if options.no_verify_ssl else options.ca_bundle,
        "connect_timeout": _timeout(options.cli_connect_timeout),
        "read_timeout": _timeout(options.cli_read_timeout),
    }
    if not is_direct(endpoint_url):
        return Target(arguments, None)
    timeouts = DEFAULT_TIMEOUTS.replaced(arguments["connect_timeout"], arguments["read_timeout"])
    direct = DirectClient(endpoint_url, choose_certificates(arguments["verify"], profile))
    direct.connect_ahead(timeouts)
    return Target(arguments, direct)


def _timeout(seconds: int | None) -> int | None:
    return _FOREVER if seconds == 0 else seconds
