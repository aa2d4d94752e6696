"""A bad network between the service and a server: late replies, frozen links, resets, swallowed replies."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress

from tests.faults.servers import free_port

NO_LINGER = struct.pack("ii", 1, 0)  # closing resets the connection


class Proxy:
    """Passes bytes on to `target`, a port, from a thread of its own.

    `late` is the share of replies that come `seconds` later, `lost` the share whose connection is reset instead:
    what was asked has happened by then, and nobody was told.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.late, self.lost, self.seconds = 0.0, 0.0, 0.0
        self.lost_replies = 0
        self._links: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> Proxy:
        self._thread.start()
        self._call(self._listen())
        return self

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection."""
        self._call(self._reset_all())

    def freeze(self) -> None:
        """Let nothing through, and refuse nobody."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def thaw(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.set)

    def aim(self, target: int) -> None:
        """Send everybody to another server, as an address that moves to the new primary does."""
        self.target = target
        self.cut()

    # --------------------------------------------------------------------------------- in its thread

    def _call(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _end(self) -> None:
        self._server.close()
        self._flows.set()
        await self._reset_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)
        await asyncio.sleep(0)  # the sockets are closed a moment after their connections

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self._reset(writer)
            return
        self._links |= {writer, onward}
        await asyncio.gather(self._requests(reader, onward), self._replies(there, writer), return_exceptions=True)
        for end in (writer, onward):
            self._reset(end)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._flows.wait()
                if random.random() < self.late:
                    await asyncio.sleep(self.seconds)
                if random.random() < self.lost:
                    self.lost_replies += 1
                    break
                writer.write(data)
                await writer.drain()
        self._reset(writer)

    async def _reset_all(self) -> None:
        for link in list(self._links):
            self._reset(link)

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self._links.discard(writer)
        held = writer.get_extra_info("socket")
        if held is not None:
            with suppress(OSError):
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.transport.abort()
