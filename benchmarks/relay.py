"""A relay on loopback: it adds a delay each way, like a network."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

__all__ = ["Relay"]

_READ_NUM_BYTES = 64 * 1024


class Relay:
    """A context manager that relays connections to a port of 127.0.0.1, in its own thread.

    ``delay``: seconds that each piece of data takes, each way. Connecting is not delayed.
    ``port``: the port that it listens on.
    """

    def __init__(self, target_port: int, *, delay: float) -> None:
        self._target_port = target_port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=_READ_NUM_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_target = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, to_target[1]))
                group.create_task(self._pass_on(to_target[0], writer))
        except* (OSError, asyncio.CancelledError):
            pass  # one side has disconnected, or the relay ends
        finally:
            writer.close()
            to_target[1].close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(_READ_NUM_BYTES):
            loop.call_later(self._delay, writer.write, data)
        await asyncio.sleep(self._delay)
        writer.close()
