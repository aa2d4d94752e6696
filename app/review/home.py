"""/: all experiments at a glance, and what waits for whom. What results say in one line is kept for a minute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple, cast

from flask import Blueprint, current_app, render_template, request

from app.access import require_own_host
from app.context import context
from app.staff import ROLES, needs, person, sees
from app.staff.navigation import served
from app.staff.wording import STATES, words
from experiments import answers, sentences, steps
from experiments.errors import StoreUnavailable
from experiments.kept import Kept
from experiments.model import Experiment, State, Version
from experiments.results import Made, result

blueprint = Blueprint("home", __name__)
blueprint.before_request(require_own_host)

ORDER: tuple[State, ...] = (
    "suspended", "running", "stopped", "in_review", "approved", "draft", "concluded", "archived",
)  # fmt: skip
FRESH = 60  # seconds for which a sentence is good enough for the list
PATIENCE = 0.3  # seconds for all sentences of a page; what takes longer is left out, and there the next time
SAID, KEPT = "signpost.list", "signpost.list.results"


class Said(NamedTuple):
    """What a result says in a line each: where it stands, whether one may act, how large the smallest group is.

    `at` is when that was found (unix seconds), `state` that of the version then.
    """

    at: float
    state: State
    headline: str
    act: str
    progress: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment of the list. `version` is the one that runs, else the latest; `newer` another one on its way."""

    key: str
    version: Version
    newer: Version | None
    next: str
    is_mine: bool
    said: Said | None


@blueprint.get("/")
@needs(*ROLES)
def home() -> str:
    seen = [one for one in context().runtime.store.documents.experiments() if sees(one.key) and one.versions]
    chosen = request.args.get("state")
    counts = {state: sum(shown(one).state == state for one in seen) for state in ORDER}
    rows = _rows(one for one in seen if chosen not in counts or shown(one).state == chosen)
    return render_template(
        "review/home.html", rows=sorted(rows, key=_place), every=len(seen), counts=counts, states=STATES,
        chosen=chosen if chosen in counts else None, served=served(), may_design=person().has("researcher"),
    )  # fmt: skip


def shown(experiment: Experiment) -> Version:
    """The version that the list speaks of."""
    return experiment.on_surface or experiment.latest


def _place(row: Row) -> tuple[bool, int, str]:
    return not row.is_mine, ORDER.index(row.version.state), row.version.definition.title


def _rows(experiments: Iterable[Experiment]) -> list[Row]:
    until = monotonic() + PATIENCE
    return [_row(one, monotonic() < until) for one in experiments]


def _row(experiment: Experiment, has_time: bool) -> Row:  # noqa: FBT001  (one caller, above)
    version, who = shown(experiment), person()
    newer = experiment.latest if experiment.latest is not version else None
    following = steps.next_step(newer or version, context().now, words())
    return Row(
        experiment.key, version, newer, following.told, following.is_for(who.name, who.roles),
        _said(experiment.key, version, has_time=has_time),
    )  # fmt: skip


def _said(key: str, version: Version, *, has_time: bool) -> Said | None:
    """The sentence about a version that has started: kept for a minute, for ever once it is concluded."""
    if version.started is None:
        return None
    at, held = context(), cast("dict[tuple[str, int, str], Said]", current_app.extensions.setdefault(SAID, {}))
    write = words()
    name = (key, version.number, write.say("Read the result"))  # each language has its own
    known = held.get(name)
    if known is not None and known.state == version.state and (at.now < known.at + FRESH or version.key is None):
        return known
    if not has_time:
        return known
    try:
        kept = cast("Kept[Made]", current_app.extensions.setdefault(KEPT, Kept()))
        told = result(at.runtime.store, key, now=at.now, version=version.number, kept=kept).to_dict()
    except StoreUnavailable:
        return known
    act = " ".join(answers.answers(told, write).act).strip()
    held[name] = Said(at.now, version.state, sentences.headline(told, write), act, sentences.progress(told, write))
    return held[name]
