"""The caller's own HTTP clients, of httpx and httpx2, sync and async, with one interface."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import anyio

from imagebuilder_pager import AsyncImageBuilder, ImageBuilder

from .accounts import LOCAL_CREDENTIALS
from .clients import EXECUTION

#: httpx, and httpx2 if it is installed.
CALLER_PACKAGES: list[ModuleType] = [
    importlib.import_module(name)
    for name in ("httpx", "httpx2")
    if importlib.util.find_spec(name) is not None
]

#: A handler of requests of httpx or httpx2.
AnyHandler = Callable[[Any], Any]


async def value_of(result: Any) -> Any:
    """Return the result of a sync call, or wait for that of an async one."""
    return await result if inspect.isawaitable(result) else result


class CallerKind(NamedTuple):
    """A package of clients, and their event loop; None for sync clients."""

    package: ModuleType
    loop: str | None

    def make(self, handler: AnyHandler | None = None, **options: Any) -> Any:
        """Return a client that sends to the handler, if one is given."""
        if handler is not None:
            options["transport"] = self.package.MockTransport(handler)
        client_class = self.package.Client if self.loop is None else self.package.AsyncClient
        return client_class(**options)

    def hook(self, function: Callable[[Any], object], *, is_read: bool = False) -> Any:
        """Return an event hook that calls the function, with ``is_read`` after reading the body."""

        def call(given: Any) -> None:
            if is_read:
                given.read()
            function(given)

        async def call_async(given: Any) -> None:
            if is_read:
                await given.aread()
            function(given)

        return call if self.loop is None else call_async

    def call(self, http: Any, *, times: int = 1, **arguments: Any) -> Any:
        """Return the last of ``times`` pages by our client; then close the caller's client."""
        given = {
            "region_name": "us-west-2",
            "http_client": http,
            "max_attempts": 1,
            **LOCAL_CREDENTIALS,
            **arguments,
        }

        async def main() -> Any:
            is_sync = self.loop is None
            client: Any = (ImageBuilder if is_sync else AsyncImageBuilder)(**given)
            try:
                for _ in range(times):
                    page = await value_of(client.list_lifecycle_execution_resources(**EXECUTION))
                await value_of(client.close() if is_sync else client.aclose())
                assert not http.is_closed, "the caller closes it"
                return page
            finally:
                await value_of(http.close() if is_sync else http.aclose())

        return anyio.run(main, backend=self.loop or "asyncio")

    def close(self, http: Any) -> None:
        if self.loop is None:
            http.close()
        else:
            anyio.run(http.aclose, backend=self.loop)

    def __str__(self) -> str:
        return f"{self.package.__name__} {self.loop or 'sync'}"


CALLER_KINDS = [
    CallerKind(package, loop) for package in CALLER_PACKAGES for loop in (None, "asyncio", "trio")
]
