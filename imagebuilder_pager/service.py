"""Image Builder as a service: the constants that all its operations share."""

from __future__ import annotations

from ._version import __version__
from .aws.config.endpoints import ServiceMetadata
from .aws.protocol.user_agent import request_headers, user_agent
from .aws.transport.types import Timeouts

__all__ = ["DEFAULT_TIMEOUTS", "HEADERS", "SERVICE"]

SERVICE = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))

HEADERS = request_headers(user_agent("imagebuilder-pager", __version__))

#: As boto3's.
DEFAULT_TIMEOUTS = Timeouts(connect=60.0, read=60.0, write=60.0, pool=60.0)
