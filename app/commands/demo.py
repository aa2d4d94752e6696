"""`signpost demo`: the four-lines experiment with 21 simulated days behind it, served until Ctrl-C."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from app.commands.common import urls
from app.commands.serve import run
from app.settings import Settings
from experiments import accounts, desk
from experiments.approval import needed
from experiments.directory import LIBRARY, load_fallbacks, load_help
from experiments.errors import NotFound
from experiments.identity import Keyring
from experiments.lifecycle import Actor
from experiments.model import DAY, day_of
from experiments.outcomes import Event, outcome_by_session
from experiments.reading import load_yaml
from experiments.recording import Asked, assign
from experiments.runtime import Runtime
from experiments.store import Store

DAYS = 21
SESSIONS_A_DAY = 600
PLAN = {"expected_rate": 0.05, "minimum_effect": {"ratio": 1.6}, "units_per_variant": 2000}
# What the simulated sessions do: share that seeks help, share that triggers the warning again.
TRUTH = {
    "present": (0.050, 0.12), "law": (0.046, 0.09), "harm": (0.066, 0.09), "consequences": (0.048, 0.08),
    "help": (0.095, 0.10),
}  # fmt: skip
CHANNELS = {"click": 0.62, "chat": 0.14, "self_help": 0.12, "call": 0.08, "email": 0.04}
RESEARCHER, APPROVER, SECOND = "demo researcher", "demo approver", "demo second approver"
PEOPLE = {RESEARCHER: ("researcher",), APPROVER: ("approver", "administrator")}
LINK_HOURS = 24


@click.command()
def command() -> None:
    """Play 21 simulated days, then serve the result."""
    settings = Settings.read()
    with urls(settings) as (ledger, volatile):
        store = Store.open(ledger, volatile, budget=10.0)
        directory = load_help(settings.help_file)
        runtime = Runtime.make(
            store, Keyring.at(settings.key_file), directory, load_fallbacks(directory, settings.fallback_file)
        )
        runtime.refresh(time.time())
        prepare(runtime, int(time.time()), click.echo)
        _welcome(settings, _key(runtime, settings.var), _links(runtime, int(time.time())))
        run(settings, ledger, volatile)
    click.echo(f"Stopped. The data are in {settings.var}; the next start finds them again.")


def prepare(runtime: Runtime, now: int, say: Callable[[str], Any]) -> None:
    """Make sure that the demo's experiments exist, with their simulated past."""
    if not _exists(runtime, "four-lines-uk"):
        say(f"Playing {DAYS} simulated days of {SESSIONS_A_DAY} sessions …")
        document = load_yaml((LIBRARY / "four-lines.yml").read_text(encoding="utf-8"))
        document["plan"] = {**document["plan"], **PLAN}
        begin = (day_of(now) - DAYS) * DAY
        _launch(runtime, document, begin, simulated=True)
        runtime.refresh(begin)
        play(runtime, "four-lines-uk", "search-uk", range(day_of(begin), day_of(now)), seed=20)
    if not _exists(runtime, "prichard-2021"):
        text = (LIBRARY / "replays" / "prichard-2021.yml").read_text(encoding="utf-8")
        _launch(runtime, load_yaml(text), now, simulated=True)
    runtime.refresh(now)


def _exists(runtime: Runtime, key: str) -> bool:
    try:
        return runtime.store.documents.experiment(key).latest.state == "running"
    except NotFound:
        return False


def _launch(runtime: Runtime, document: Any, now: int, *, simulated: bool) -> None:
    """Through the real life cycle, with two people; three where the control shows no warning."""
    draft = desk.apply(runtime, document, Actor(RESEARCHER, now))
    key = draft.key
    desk.act(runtime, key, "submit", Actor(RESEARCHER, now))
    for name in (APPROVER, SECOND)[: needed(draft.latest.definition)]:
        desk.act(runtime, key, "approve", Actor(name, now, "demonstration"))
    desk.act(runtime, key, "start", Actor(RESEARCHER, now), {"simulated": simulated})


@dataclass(frozen=True, slots=True)
class Visit:
    """A simulated session: when it triggers the warning, and its three draws in [0, 1)."""

    session: str
    at: int
    help_draw: float
    repeat_draw: float
    channel: str


def play(runtime: Runtime, experiment: str, surface: str, days: Sequence[int], *, seed: int) -> None:
    """Play whole days through the use cases that serve real requests; same seed, same visits."""
    rng = random.Random(seed)  # noqa: S311  (a simulation, reproducible on purpose)
    visits = [_visit(rng, day, number) for day in days for number in range(SESSIONS_A_DAY)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda visit: _live_through(runtime, experiment, surface, visit), visits))


def _visit(rng: random.Random, day: int, number: int) -> Visit:
    at = day * DAY + rng.randrange(DAY - 3600)
    channel = rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
    return Visit(f"simulated-{day}-{number}", at, rng.random(), rng.random(), channel)


def _live_through(runtime: Runtime, experiment: str, surface: str, visit: Visit) -> None:
    asked = Asked(partner=0, surface=surface, session=visit.session, shown=True, locale="en")
    given = assign(runtime, asked, visit.at)
    if given.variant is None:
        return
    seeks_help, repeats = TRUTH[given.variant]
    if visit.help_draw < seeks_help:
        event = Event("help_sought", visit.channel, "attested", visit.at + 45)
        outcome_by_session(runtime, experiment, visit.session, event, visit.at + 45)
    if visit.repeat_draw < repeats:
        assign(runtime, asked, visit.at + 600)


def _key(runtime: Runtime, var: Path) -> str:
    """The demo's server key: kept in a file beside the data, so that a second start can print it again."""
    path = var / "demo-key.json"
    if path.exists():
        return str(json.loads(path.read_text())["key"])
    _, text = desk.create_key(runtime, kind="server", partner="demo", surfaces=("*",), origins=(), now=int(time.time()))
    path.touch(mode=0o600)
    path.write_text(json.dumps({"key": text}))
    return text


def _links(runtime: Runtime, now: int) -> dict[str, str]:
    """A one-time link for each of two people, so that one can ask and the other approve. New ones at each start."""
    actor, found = Actor("demo", now), {}
    for name, roles in PEOPLE.items():
        try:
            account = accounts.by_name(runtime.store, name)
        except NotFound:
            account = accounts.create(runtime.store, name, roles, actor)
        if account.disabled is None:
            found[name] = accounts.new_link(runtime.store, account, actor, LINK_HOURS)
    return found


def _welcome(settings: Settings, key: str, links: Mapping[str, str]) -> None:
    base = f"http://{settings.host}:{settings.port}"
    people = "\n".join(f"  {name:30} {base}/sign-in/link/{token}" for name, token in links.items())
    click.echo(f"""
Signpost is starting on {base}. Its past 21 days are simulated; what you send now is counted beside them.

Two people of the demo sign in by links that work once; open them in two browsers, or one in a private window:

{people}

  The result, as staff see it    {base}/experiments/four-lines-uk
  All experiments                {base}/
  The API                        {base}/docs

Ask which message a session should see:

  curl -s {base}/v1/assignments -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{"surface": "search-uk", "session": "any-anonymous-id", "expose": true}}'

The warning as a page without scripts (text and JSON by Accept):

  curl -s {base}/v1/warnings/search-uk -H 'Authorization: Bearer {key}' -H 'Accept: text/plain'

Replay a published trial:

  .venv/bin/signpost replay experiments/library/replays/prichard-2021.csv --to {base} --key {key}

Ctrl-C stops it.
""")
