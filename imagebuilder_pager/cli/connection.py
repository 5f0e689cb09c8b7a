"""The client of the command, which connects while the models are imported.

Importing the models takes a tenth of a second. In that time another thread can make a TLS
connection and load its certificates.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from .. import H11Client
from .._aws.config.shared_config import SharedConfig
from .._aws.config.tls import ca_bundle_from_config, resolve_verify
from .._aws.transport.types import DEFAULT_TIMEOUTS
from .._validation import validating
from ..client import ImageBuilder

_NO_TIMEOUT_SECONDS = 2_000_000  # the system's poll takes little more


@contextmanager
def open_client(options: argparse.Namespace, config: SharedConfig) -> Iterator[ImageBuilder]:
    """Open the client of the options; it connects as soon as it knows its endpoint.

    Raises :class:`ParamValidationError` for a timeout that cannot be used. An error of the
    connection, or of the certificates, is raised by the first request.
    """
    with validating("ImageBuilder"):
        timeouts = DEFAULT_TIMEOUTS.with_overrides(
            _timeout(options.cli_connect_timeout), _timeout(options.cli_read_timeout)
        )
    verify = False if options.no_verify_ssl else options.ca_bundle
    http_client = H11Client(
        verify=resolve_verify("ImageBuilder", verify, ca_bundle_from_config(config)),
        timeout=timeouts,
        preconnect=True,
    )
    with (
        http_client,
        ImageBuilder(
            options.region,
            endpoint_url=options.endpoint_url,
            profile_name=options.profile,
            on_invalid_response=options.on_invalid_response,
            http_client=http_client,
        ) as client,
    ):
        yield client


def _timeout(seconds: int | None) -> int | None:
    return _NO_TIMEOUT_SECONDS if seconds == 0 else seconds
