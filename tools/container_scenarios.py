"""The scenarios that the smallest root has to serve; it runs them, with the lean install alone.

What they open is what the root keeps of Python's standard library, so they go through whatever a
program in a container can meet: the sources of credentials, both clients, errors, resuming.
The environment has ``SCENARIO_CREDENTIALS``, a folder of one file a source, with its variables in
JSON; ``SCENARIO_FAULTS``, the URL of a server that fails now and then; and the settings of AWS.
"""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import os
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagebuilder_pager import AsyncH11Client, AsyncImageBuilder, H11Client, ImageBuilder
from imagebuilder_pager.exceptions import PagerError, ProxyConnectionError

EXECUTION: Any = {"lifecycleExecutionId": "lce-12345678-1234-1234-1234-123456789012"}


@contextmanager
def _client(**arguments: Any) -> Iterator[ImageBuilder]:
    with (
        H11Client(preconnect=True) as http,
        ImageBuilder(http_client=http, **arguments) as client,
    ):
        yield client


def _list(client: ImageBuilder, **config: Any) -> list[Any]:
    paginator: Any = client.get_paginator("list_lifecycle_execution_resources")
    return list(paginator.paginate(**EXECUTION, PaginationConfig=config).items())


def list_and_resume() -> None:
    """List, in one go, ahead, and in two parts."""
    with _client() as client:
        every = _list(client)
        assert every == _list(client, Prefetch=2)
        paginator = client.get_paginator("list_lifecycle_execution_resources")
        pages = paginator.paginate(**EXECUTION, PaginationConfig={"MaxItems": 33})
        first = list(pages.items())
        assert first + _list(client, StartingToken=pages.resume_token) == every
        assert len(paginator.paginate(**EXECUTION).build_full_result()["resources"]) == len(every)


def use_pages() -> None:
    """Print, copy and compare a page in the ways that there are."""
    with _client() as client:
        page = client.list_lifecycle_execution_resources(**EXECUTION)
    assert pickle.loads(pickle.dumps(page)) == copy.deepcopy(page) == page  # noqa: S301 - our own
    json.dumps(page.to_dict(), default=str)
    repr(page)


def list_async() -> None:
    """List by the async client, in two event loops."""

    async def list_all() -> int:
        async with AsyncH11Client() as http, AsyncImageBuilder(http_client=http) as client:
            paginator = client.get_paginator("list_lifecycle_execution_resources")
            pages = paginator.paginate(**EXECUTION, PaginationConfig={"Prefetch": 1})
            return len([item async for item in pages.items()])

    assert asyncio.run(list_all()) == asyncio.run(list_all()) > 25


def show_errors() -> None:
    """Raise errors of each kind, and show them with a traceback."""
    shown = io.StringIO()
    with _client() as client:
        for params in ({"nextToken": "made-up"}, {"maxResults": 0}, {"no": "such"}):
            try:
                client.list_lifecycle_execution_resources(**{**EXECUTION, **params})
            except PagerError:
                traceback.print_exc(file=shown)
    for arguments in ({"endpoint_url": "https://127.0.0.1:1"}, {"region_name": "a b"}):
        try:
            with _client(max_attempts=1, **arguments) as client:
                client.list_lifecycle_execution_resources(**EXECUTION)
        except PagerError:
            traceback.print_exc(file=shown)
    assert shown.getvalue().count("imagebuilder_pager.") >= 5


def get_over_faults() -> None:
    """List from a server that fails, until it has been listed as a whole."""
    token: Any = None
    count = 0
    with _client() as client:
        expected = len(_list(client))
    with _client(endpoint_url=os.environ["SCENARIO_FAULTS"]) as client:
        for _ in range(40):
            pages = client.get_paginator("list_lifecycle_execution_resources").paginate(
                **EXECUTION, PaginationConfig={"StartingToken": token}
            )
            try:
                for _ in pages.items():
                    count += 1
                break
            except PagerError as error:
                token = error.resume_token
    assert count == expected


def find_credentials() -> None:
    """List with the credentials of each source."""
    before = dict(os.environ)
    for file in sorted(Path(os.environ["SCENARIO_CREDENTIALS"]).glob("*.json")):
        if file.stem == "instance":  # which comes after the container's
            del os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        os.environ.update(json.loads(file.read_text(encoding="utf-8")))
        with _client() as client:
            assert len(_list(client)) > 25, file
        os.environ.clear()
        os.environ.update(before)


def use_a_proxy() -> None:
    """Find the proxy of the environment, which does not respond."""
    os.environ["HTTPS_PROXY"] = "http://user:password@127.0.0.1:1"
    try:
        with _client(max_attempts=1) as client:
            client.list_lifecycle_execution_resources(**EXECUTION)
    except ProxyConnectionError:
        pass
    finally:
        del os.environ["HTTPS_PROXY"]


def main() -> None:
    """Run all scenarios, with the log, and print how many there were."""
    logging.basicConfig(level=logging.DEBUG, stream=io.StringIO(), format="%(asctime)s %(message)s")
    scenarios = (
        list_and_resume,
        use_pages,
        list_async,
        show_errors,
        get_over_faults,
        find_credentials,
        use_a_proxy,
    )
    for scenario in scenarios:
        scenario()
    print(f"{len(scenarios)} scenarios passed as user {os.getuid()}")


if __name__ == "__main__":
    main()
