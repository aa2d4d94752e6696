"""/experiments/<key>/decide: the evidence, the decision in words, a second pair of eyes, and the way back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.access import require_own_host
from app.context import context
from app.research import acts, evidence
from app.research.asked import version_of
from app.research.life import changes_since, life_of, seen, status_of
from app.staff import ROLES, needs, person, require_act
from app.staff.tabs import tabs
from app.staff.wording import STATES
from experiments import decision, desk, possible
from experiments.directory import direction
from experiments.errors import InvalidInput, NotFound, Refused, SignpostError
from experiments.lifecycle import Actor
from experiments.model import Version

blueprint = Blueprint("decide", __name__)
blueprint.before_request(require_own_host)

TRIES = {"stop": possible.TRIES["stop"], **possible.DECIDING}


@blueprint.get("/experiments/<key>/decide")
@needs(*ROLES)
def page(key: str) -> Response:
    return _page(key, done=request.args.get("done"))


@blueprint.post("/experiments/<key>/decide")
@needs(*ROLES)
def act(key: str) -> Response:
    """Make one act of the decision; what cannot be done comes back with the reason and everything that was entered."""
    name, at = request.form.get("act", ""), context()
    if name not in TRIES:
        raise NotFound(f"there is no act '{name}' on this page")
    require_act(name)
    try:
        actor = Actor(person().name, at.now, acts.why(name, request.form))
        given = _choice(request.form) if name == "propose" else {}
        desk.act(at.runtime, key, name, actor, given, revision=seen(request.form))
    except (InvalidInput, Refused) as error:
        return _page(key, tried=name, error=error)
    at.runtime.refresh(at.now)
    return redirect(f"/experiments/{key}/decide?done={name}", 303)


def _choice(form: MultiDict[str, str]) -> dict[str, Any]:
    """`adopt:VARIANT`, or another decision."""
    choice, _, variant = form.get("choice", "").partition(":")
    if not choice:
        raise InvalidInput("choose what to decide", code="missing-field", pointer="/choice")
    return {"choice": choice, **({"variant": variant} if variant else {})}


def _page(key: str, *, tried: str = "", error: SignpostError | None = None, done: str | None = None) -> Response:
    at, who = context(), person()
    experiment = at.runtime.store.documents.experiment(key)
    chosen = request.args.get("version")
    version = version_of(experiment, chosen) if chosen else decision.subject(experiment)
    every = possible.acts(experiment, Actor(who.name, at.now), who.roles, TRIES)
    page = render_template(
        "research/decide.html", experiment=experiment, version=version, tabs=tabs(key), states=STATES,
        life=life_of(version), every=every, now={name: one for name, one in every.items() if one.now},
        about=acts.ABOUT, logged=acts.LOGGED, choices=acts.CHOICES,
        evidence=evidence.of(key, version), direction=direction,
        is_subject=version is decision.subject(experiment), adopted=decision.adopted(experiment),
        sealed_at=decision.sealed_at(version) if version.stopped else None, at_now=at.now,
        surfaces=_surfaces(version), tried=tried, error=error,
        told=acts.sentence(error.detail) if error else "", sentence=acts.sentence, given=request.form if error else {},
        field=(error.pointer or "")[1:] if error else "", done=acts.ABOUT.get(done or ""),
        since=changes_since(at.runtime.store.documents.log(key), error, request.form),
    )  # fmt: skip
    return make_response(page, status_of(error))


def _surfaces(version: Version) -> list[dict[str, Any]]:
    """What each of its surfaces shows where no experiment runs: the adopted text, or its own default."""
    at = context()
    adopted = at.runtime.catalogue.snapshot.adopted
    found = []
    for surface in version.definition.surfaces:
        own = at.runtime.fallbacks.of(surface)
        texts = adopted.get(surface) or {tag: own.messages[tag] for tag in own.served()}
        locale = next(iter(texts))
        found.append({"surface": surface, "text": texts[locale], "locale": locale, "is_adopted": surface in adopted})
    return found
