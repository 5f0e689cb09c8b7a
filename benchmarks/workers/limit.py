"""The limit: http.client and json, without a signature and without validation."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .common import Stopwatch, execution_id

_HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    assert parts.hostname is not None
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port)
    import ssl

    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    return http.client.HTTPSConnection(parts.hostname, parts.port, context=context)


def _pages(connection: http.client.HTTPConnection, pages: int) -> Iterator[dict[str, Any]]:
    params = {"lifecycleExecutionId": execution_id(pages)}
    while True:
        body = json.dumps(params).encode()
        connection.request("POST", "/ListLifecycleExecutionResources", body, _HEADERS)
        page: dict[str, Any] = json.loads(connection.getresponse().read())
        yield page
        if "nextToken" not in page:
            return
        params["nextToken"] = page["nextToken"]


def first_page(url: str) -> None:
    """Create a client, list one page and print it."""
    for page in _pages(_connection(url), 1):
        for resource in page["resources"]:
            print(resource["resourceId"], resource["state"]["status"])


def stream(url: str, pages: int, warm_up: int) -> None:
    """List all pages and keep none."""
    connection = _connection(url)
    seen = sum(len(page["resources"]) for page in _pages(connection, warm_up))
    stopwatch = Stopwatch()
    seen = sum(len(page["resources"]) for page in _pages(connection, pages))
    assert seen == pages * 25
    stopwatch.report(pages)
