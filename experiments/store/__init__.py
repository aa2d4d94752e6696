"""The stores: the only code that talks to Redis.

`Store` holds the three rooms: `ledger` (counting, by scripts), `documents` (experiments, keys) and
`volatile` (day keys). One method is one round trip. `keys` is the map of everything that is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.store.accounts import Accounts, Sessions
from experiments.store.alerts import Alerts
from experiments.store.audit import Audit
from experiments.store.connection import connect
from experiments.store.documents import Documents
from experiments.store.final import Finals
from experiments.store.ledger import Ledger
from experiments.store.looks import Looks
from experiments.store.settings import Condition, condition
from experiments.store.volatile import Volatile
from experiments.store.waits import PLAINLY, Waits


@dataclass(frozen=True, slots=True)
class Store:
    """All that outlives a process. `durability` is the mode that is wanted of the ledger.

    `waits` is how threads wait for a store.
    """

    ledger: Ledger
    documents: Documents
    volatile: Volatile
    durability: str = "single"
    waits: Waits = PLAINLY

    @property
    def alerts(self) -> Alerts:
        """What people are told."""
        return Alerts(self.documents.client)

    @property
    def accounts(self) -> Accounts:
        """Who of the staff may sign in."""
        return Accounts(self.documents.client)

    @property
    def sessions(self) -> Sessions:
        """Who of the staff is signed in."""
        return Sessions(self.volatile.client)

    @property
    def audit(self) -> Audit:
        """Who did what."""
        return Audit(self.documents.client)

    @property
    def looks(self) -> Looks:
        """Who looked at which result."""
        return Looks(self.documents.client)

    @property
    def finals(self) -> Finals:
        """Final reports of concluded versions."""
        return Finals(self.documents.client)

    @classmethod
    def open(
        cls, ledger_url: str, volatile_url: str, *, budget: float = 0.1, patience: float = 5.0,
        durability: str = "single", waits: Waits = PLAINLY,
    ) -> Store:  # fmt: skip
        """Make the clients. Connects to nothing: a store that is down is met by the first call.

        `budget` seconds are the time a person waits for the ledger, one try.
        """
        hot, patient = connect(ledger_url, timeout=budget), connect(ledger_url, timeout=patience)
        ledger = Ledger(hot, patient, budget=budget, replicated=durability == "replicated", waits=waits)
        return cls(ledger, Documents(patient), Volatile(connect(volatile_url, timeout=budget)), durability, waits)

    def condition(self) -> Condition:
        """Read what both servers really promise."""
        return condition(self.ledger.patient, self.volatile.client, self.durability)


__all__ = ["Condition", "Documents", "Ledger", "Store", "Volatile"]
