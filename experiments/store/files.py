"""A server's files, where they lie on this machine: where the ledger's file is, and how old its oldest part."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from experiments.store.facts import Node

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def folder_of(node: Node, url: str) -> Path | None:
    """The folder with the node's append-only file, if it can be looked into from here."""
    if node.settings is None or not _is_here(node.name or url):
        return None
    folder = Path(node.settings.get("dir", "/nowhere"))
    return folder if _file(node, folder).exists() else None


def rewritten(node: Node, folder: Path | None, noted: int | None, now: float) -> float | None:
    """Seconds since the append-only file was rewritten; at least so many, where only the server's word is left.

    Servers do not tell when. From 7.0 on each rewrite leaves a base file behind; our own upkeep notes the moment; and
    who has rewritten nothing since it started has a file that is older than that.
    """
    bases = list(_file(node, folder).glob("*.base.*")) if folder else []
    moments = [base.stat().st_mtime for base in bases] + ([noted] if noted else [])
    if moments:
        return now - max(moments)
    never = int(node.info.get("aof_rewrites", int(node.info.get("aof_last_rewrite_time_sec", 0)) + 1)) == 0
    return float(node.info.get("uptime_in_seconds") or 0) if never else None


def _file(node: Node, folder: Path) -> Path:
    """The folder of the parts (7.0 and later), or the only file."""
    settings = node.settings or {}
    return folder / (settings.get("appenddirname") or settings.get("appendfilename") or "appendonly.aof")


def _is_here(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = urlsplit(address if "://" in address else f"//{address}").hostname
    return host in LOOPBACK
