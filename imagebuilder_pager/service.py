"""Image Builder as a service: the constants that all its operations share."""

from __future__ import annotations

from ._version import __version__
from .aws.config.endpoints import ServiceMetadata
from .aws.protocol.user_agent import request_headers, user_agent

__all__ = ["HEADERS", "SERVICE"]

SERVICE = ServiceMetadata("imagebuilder", fips_partitions=frozenset({"aws-us-gov"}))

#: The headers of all requests, but for those of the signature.
HEADERS = request_headers(user_agent("imagebuilder-pager", __version__))
