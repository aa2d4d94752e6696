"""One connection to whichever server holds a shard, for one caller at a time: commands go out together.

redis-py's own calls repeat, balance and measure; a hot path wants none of that. What is left of it here is the
connection (addresses, passwords, TLS, time-outs) and the map of a cluster's slots.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import redis
from redis.exceptions import MovedError, RedisClusterException

from experiments.store.connection import Client, is_cluster, translated

Command = Sequence[str | int | bytes]


class Wire:
    """Replies that are errors of a command are returned, not raised; a broken connection raises StoreUnavailable.

    A connection that the server has closed since it was last used is opened again, and the commands are repeated:
    they are safe to repeat. Nobody waits twice for a late reply.
    """

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._connection: Any = None
        self._home: Any = None  # the pool that the connection is from
        self._stale = False

    def call(self, *commands: Command) -> list[Any]:
        """Send the commands at once and read a reply for each. Follows a slot that has moved, once."""
        with translated():
            replies = self._tried(commands)
            moved = next((reply for reply in replies if isinstance(reply, MovedError)), None)
            if moved is None:
                return replies
            self.close()
            self._client.nodes_manager.move_slot(moved)
            self._refresh()
            return self._exchange(self._connected(), commands)

    def _tried(self, commands: Sequence[Command]) -> list[Any]:
        was_open = self._connection is not None
        try:
            return self._exchange(self._connected(), commands)
        except redis.ConnectionError:
            if not was_open:
                raise
        return self._exchange(self._connected(), commands)

    def close(self) -> None:
        """Give the connection up; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(redis.RedisError, OSError):
                connection.disconnect()
            self._home.release(connection)  # a pool counts what it has given out, and refuses at some number

    def _connected(self) -> Any:
        if self._connection is None:
            self._home = self._pool()
            self._connection = self._home.get_connection()
        return self._connection

    def _pool(self) -> Any:
        if not is_cluster(self._client):
            return self._client.connection_pool
        node = self._client.get_node_from_key(self._key)
        return self._client.get_redis_connection(node).connection_pool

    def _exchange(self, connection: Any, commands: Sequence[Command]) -> list[Any]:
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [_reply(connection) for _ in commands]
        except BaseException:
            # A late reply would be taken for the next call's. And the slot may have another master by now.
            self.close()
            self._refresh()
            raise

    def _refresh(self) -> None:
        """Look at the cluster anew, in the background: nobody waits for nodes that are down."""
        if is_cluster(self._client) and not self._stale:
            self._stale = True
            threading.Thread(target=self._look, name="signpost-slots", daemon=True).start()

    def _look(self) -> None:
        with suppress(redis.RedisError, RedisClusterException, OSError):
            self._client.nodes_manager.initialize()
        self._stale = False


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error
