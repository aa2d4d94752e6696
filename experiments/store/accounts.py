"""Accounts of staff, in the ledger; their sessions and attempts, in the store that forgets."""

from __future__ import annotations

from experiments.audit import Note, following
from experiments.errors import Stale
from experiments.store import keys
from experiments.store.audit import TRIES, Audit, busy
from experiments.store.connection import Client, translated
from experiments.store.scripts import Script

_SAVE, _LOOK = Script("save_account"), Script("look_session")
_SAVED, _CHANGED = 1, 2


class Accounts:
    """A hash of accounts (JSON) by their id."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, account: str) -> bytes | None:
        """One account; None: there is none."""
        with translated():
            held: bytes | None = self.client.hget(keys.ACCOUNTS, account)
        return held

    def all(self) -> list[bytes]:
        """Every account, in no order."""
        with translated():
            return list(self.client.hvals(keys.ACCOUNTS))

    def save(self, account: str, before: str | None, after: str, note: Note) -> None:
        """Write an account with its entry in the audit log, or raise Stale: it is no longer as it was `before`."""
        audit = Audit(self.client)
        for _ in range(TRIES):
            last = audit.last()
            arguments: list[str | int | bytes] = [last, following(last, note), account, before or "", after]
            code = _SAVE(self.client, [keys.AUDIT, keys.ACCOUNTS], arguments)
            if code == _SAVED:
                return
            if code == _CHANGED:
                raise Stale("the account was changed by somebody else meanwhile; read it again and repeat the change")
        raise busy()


class Sessions:
    """For each account a hash of its sessions, by the SHA-256 of their secret; and how often a password was tried."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def open(self, account: str, digest: str, told: str, seconds: int) -> None:
        """Keep a session; all of the account's go when none was opened for so many seconds."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.hset(keys.sessions(account), digest, told)
            pipe.expire(keys.sessions(account), seconds)
            pipe.execute()

    def look(self, account: str, digest: str, now: int, idle: int, most: int) -> bytes | None:
        """A session that is not over, and note that it was used; None: there is none (any more)."""
        held: bytes | None = _LOOK(self.client, [keys.sessions(account)], [digest, now, idle, most])
        return held

    def all(self, account: str) -> dict[str, bytes]:
        """Every session that is kept, by its digest."""
        with translated():
            return {digest.decode(): told for digest, told in self.client.hgetall(keys.sessions(account)).items()}

    def end(self, account: str, digest: str) -> None:
        """Drop a session."""
        with translated():
            self.client.hdel(keys.sessions(account), digest)

    def end_all(self, account: str) -> None:
        """Drop all sessions of an account."""
        with translated():
            self.client.delete(keys.sessions(account))

    def attempt(self, account: str, seconds: int) -> int:
        """Count an attempt to sign in, before it is looked at; returns how many there were since the first one."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.set(keys.attempts(account), 0, nx=True, ex=seconds)
            pipe.incr(keys.attempts(account))
            return int(pipe.execute()[1])

    def forgive(self, account: str) -> None:
        """Forget the attempts: one was right."""
        with translated():
            self.client.delete(keys.attempts(account))
