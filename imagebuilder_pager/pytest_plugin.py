"""The pytest plugin: fixtures with a local Image Builder, and the marker for its faults.

pytest loads this module in every run where the package is installed. So it imports only pytest, and
each fixture imports within its function. docs/testing.md shows how to use the fixtures.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import AsyncImageBuilder, ImageBuilder
    from .local import Account, FaultPlan, LocalImageBuilder

_MARKER = "image_builder_faults"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that ``--strict-markers`` accepts it."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*faults): the faults of the fixture image_builder, each a text such as "
        "'throttle@page-2' or a FaultPlan",
    )


@pytest.fixture
def image_builder_account() -> Account:
    """Return the account of the local Image Builder; a test may override this fixture."""
    from .local import generate_account

    return generate_account()


@pytest.fixture
def image_builder(
    image_builder_account: Account, request: pytest.FixtureRequest
) -> LocalImageBuilder:
    """Return a local Image Builder with the account, and with the faults of the markers."""
    from .local import LocalImageBuilder

    return LocalImageBuilder(image_builder_account, faults=_plan_faults(request.node))


@pytest.fixture
def image_builder_client(image_builder: LocalImageBuilder) -> Iterator[ImageBuilder]:
    """Return an ``ImageBuilder`` that sends to the local one, in process and without waiting."""
    import httpx

    from . import ImageBuilder

    with httpx.Client(transport=httpx.MockTransport(image_builder)) as http_client:
        with pytest.MonkeyPatch.context() as environment:
            _remove_settings(environment)
            client = ImageBuilder(http_client=http_client, **_client_arguments())
        with client:
            yield client


@pytest.fixture
def image_builder_async_client(image_builder: LocalImageBuilder) -> AsyncImageBuilder:
    """Return an ``AsyncImageBuilder`` that sends to the local one, in process, without waiting.

    It has no connections, so the test's event loop has nothing to close.
    """
    import httpx

    from . import AsyncImageBuilder

    http_client = httpx.AsyncClient(transport=httpx.MockTransport(image_builder))
    with pytest.MonkeyPatch.context() as environment:
        _remove_settings(environment)
        return AsyncImageBuilder(http_client=http_client, **_client_arguments())


@pytest.fixture
def image_builder_url(image_builder: LocalImageBuilder) -> Iterator[str]:
    """Serve the local Image Builder on a loopback port during the test, and return its URL."""
    from .local import LocalServer

    with LocalServer(image_builder) as server:
        yield server.url


@pytest.fixture
def image_builder_environment(image_builder_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment so that programs find the local Image Builder, and no other settings."""
    from .local import ACCESS_KEY_ID, SECRET_ACCESS_KEY

    _remove_settings(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", image_builder_url)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):  # boto3 reads the second
        monkeypatch.setenv(name, "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)


def _remove_settings(environment: pytest.MonkeyPatch) -> None:
    """Remove the settings of AWS and of proxies, and make AWS's shared files empty."""
    for name in list(os.environ):
        if name.upper().startswith("AWS_") or name.upper().endswith("_PROXY"):
            environment.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        environment.setenv(name, os.devnull)


def _plan_faults(node: pytest.Item) -> FaultPlan:
    """Return a new plan of the faults in a test's markers; the nearest marker comes first."""
    from .local import FaultPlan

    plan = FaultPlan()
    for marker in node.iter_markers(_MARKER):
        if marker.kwargs:
            raise TypeError(f"{_MARKER} takes no keywords, and has {', '.join(marker.kwargs)}")
        for fault in marker.args:
            if isinstance(fault, str):
                plan |= FaultPlan.parse(fault)
            elif isinstance(fault, FaultPlan):
                plan |= fault
            else:
                raise TypeError(
                    f"{_MARKER} has {fault!r}, which is neither a text such as 'throttle@page-2' "
                    "nor a FaultPlan such as FaultPlan.on_page(2, Fault('throttle'))"
                )
    return plan


def _client_arguments() -> dict[str, Any]:
    """Return the arguments of both clients; they override all settings of the machine."""
    from . import Clock
    from .local import ACCESS_KEY_ID, SECRET_ACCESS_KEY

    class NoWaiting(Clock):
        def sleep(self, seconds: float) -> None:
            """Return at once."""

        async def sleep_async(self, seconds: float) -> None:
            """Return at once."""

    return {
        "region_name": "us-west-2",
        "endpoint_url": "http://image-builder.local",
        "aws_access_key_id": ACCESS_KEY_ID,
        "aws_secret_access_key": SECRET_ACCESS_KEY,
        "max_attempts": 3,
        "retry_mode": "standard",
        "clock": NoWaiting(),
    }
