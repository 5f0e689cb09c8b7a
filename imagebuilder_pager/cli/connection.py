"""The connection of the command: it comes about while the models are imported.

Importing what reads and checks the pages takes a tenth of a second. In that time another thread
can make a TLS connection and load its certificates.
"""

from __future__ import annotations

import argparse
from typing import Any

from .. import H11Client
from .._aws.config.shared_config import SharedConfig
from .._aws.config.tls import ca_bundle_from_config, resolve_verify
from .._aws.transport.types import DEFAULT_TIMEOUTS
from .._validation import validating

_NO_TIMEOUT_SECONDS = 2_000_000  # the system's poll takes little more


def make_http_client(options: argparse.Namespace, config: SharedConfig) -> H11Client:
    """Return what to send with: it connects as soon as a client with it knows its endpoint.

    Raises :class:`ParamValidationError` for a timeout that cannot be used. An error of the
    connection, or of the certificates, is raised by the first request.
    """
    with validating("ImageBuilder"):
        timeouts = DEFAULT_TIMEOUTS.with_overrides(
            _timeout(options.cli_connect_timeout), _timeout(options.cli_read_timeout)
        )
    verify = False if options.no_verify_ssl else options.ca_bundle
    return H11Client(
        verify=resolve_verify("ImageBuilder", verify, ca_bundle_from_config(config)),
        timeout=timeouts,
        preconnect=True,
    )


def resolve_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the client that the options give."""
    return {
        "region_name": options.region,
        "endpoint_url": options.endpoint_url,
        "profile_name": options.profile,
        "on_invalid_response": options.on_invalid_response,
    }


def _timeout(seconds: int | None) -> int | None:
    return _NO_TIMEOUT_SECONDS if seconds == 0 else seconds
