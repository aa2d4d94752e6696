"""/experiments/<key>/plan: where an experiment is in its life, every act of it, its versions and its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.access import require_own_host
from app.context import context
from app.research import acts
from app.staff import ROLES, needs, person, require_act
from app.staff.navigation import served
from app.staff.tabs import tabs
from app.staff.wording import STATES, words
from experiments import approval, desk, possible, steps
from experiments.directory import direction
from experiments.errors import InvalidInput, NotFound, Refused, SignpostError, Stale
from experiments.lifecycle import Actor
from experiments.model import Experiment, LogEntry, Version

blueprint = Blueprint("life", __name__)
blueprint.before_request(require_own_host)

Form = MultiDict[str, str]


@blueprint.get("/experiments/<key>/plan")
@needs(*ROLES)
def plan(key: str) -> Response:
    return _page(key, done=request.args.get("done"))


@blueprint.post("/experiments/<key>/plan")
@needs(*ROLES)
def act(key: str) -> Response:
    """Make one transition; what cannot be done comes back with the reason and everything that was entered."""
    name = request.form.get("act", "")
    if name not in possible.TRIES:
        raise NotFound(f"there is no act '{name}' on this page")
    try:
        make(key, name, request.form)
    except (InvalidInput, Refused) as error:
        return _page(key, tried=name, error=error)
    return redirect(f"/experiments/{key}/plan?done={name}", 303)


def make(key: str, name: str, form: Form) -> Experiment:
    """Make the act that a form asks for, if nobody has changed the experiment since the form was shown."""
    require_act(name)
    at = context()
    experiment = at.runtime.store.documents.experiment(key)
    given = acts.options(name, form, experiment.on_surface or experiment.latest)
    actor = Actor(person().name, at.now, acts.why(name, form))
    found = desk.act(at.runtime, key, name, actor, given, revision=seen(form))
    at.runtime.refresh(at.now)
    return found


def seen(form: Form) -> int:
    """The revision of the experiment that a form was made for."""
    text = form.get("revision", "")
    if not (text.isdecimal() and len(text) <= 9):
        raise InvalidInput("load the page again: it does not say what you looked at", pointer="/revision")
    return int(text)


def changes_since(log: list[LogEntry], error: SignpostError | None, form: Form) -> list[LogEntry]:
    """What others did since a form was shown, where that is why it was refused: each change has one entry."""
    return log[seen(form) :] if isinstance(error, Stale) else []


def _page(key: str, *, tried: str = "", error: SignpostError | None = None, done: str | None = None) -> Response:
    at, who = context(), person()
    experiment = at.runtime.store.documents.experiment(key)
    log = at.runtime.store.documents.log(key)
    every = possible.acts(experiment, Actor(who.name, at.now), who.roles)
    others = [one for one in experiment.versions if one is experiment.on_surface and one is not experiment.latest]
    page = render_template(
        "research/plan.html", experiment=experiment, latest=experiment.latest, tabs=tabs(key), states=STATES,
        lives=[life_of(version) for version in (experiment.latest, *others)],
        now={name: one for name, one in every.items() if one.now}, not_now=_not_now(every),
        about=acts.ABOUT, logged=acts.LOGGED,
        main=acts.MAIN.get(experiment.latest.state),
        log=[(entry, acts.told(entry)) for entry in log], done=acts.ABOUT.get(done or ""), tried=tried, error=error,
        told=acts.sentence(error.detail) if error else "", sentence=acts.sentence,
        field=(error.pointer or "")[1:] if error else "", given=request.form if error else {},
        since=changes_since(log, error, request.form), approvals=_approvals(experiment.latest),
        closable=possible.closable(experiment.on_surface or experiment.latest), direction=direction, served=served(),
        running=experiment.on_surface, site_can_research=who.has("researcher"),
    )  # fmt: skip
    return make_response(page, status_of(error))


def status_of(error: SignpostError | None) -> int:
    """409: the experiment does not allow it now; 422: what was entered is wrong."""
    return 200 if error is None else 409 if isinstance(error, Refused) else 422


def life_of(version: Version) -> dict[str, Any]:
    """A version's place in its life, and what comes next."""
    following = steps.next_step(version, context().now, words())
    return {
        "version": version, "steps": steps.STEPS, "at": steps.step_of(version.state), "next": following.told,
        "mine": following.is_for(person().name, person().roles),
    }  # fmt: skip


def _not_now(every: Mapping[str, possible.Possible]) -> list[possible.Possible]:
    return [one for one in every.values() if not one.now]


def _approvals(version: Version) -> list[dict[str, Any]]:
    """Each language that is served, with who has approved it until when, and how many are missing."""
    return [
        {
            "locale": standing.locale, "lacking": standing.lacking,
            "holding": [(held.who, held.at, approval.ends(held)) for held in standing.holding],
            "expired": [(held.who, approval.ends(held)) for held in standing.expired],
            "texts": [(v.key, v.messages[standing.locale]) for v in version.definition.variants],
        }
        for standing in approval.standings(version, context().now)
    ]  # fmt: skip
