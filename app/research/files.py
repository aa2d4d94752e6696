"""Definitions as files: export as YAML and JSON, import, and the copy under a new key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.access import require_own_host
from app.context import context
from app.research.asked import version_of
from app.staff import ROLES, needs, person, sees
from app.staff.wording import STATES
from experiments import desk
from experiments.diffing import in_words
from experiments.errors import InvalidDefinition, InvalidInput, NotFound, Refused, SignpostError, Stale, Violation
from experiments.lifecycle import Actor
from experiments.model import Experiment
from experiments.reading import load_json, load_yaml
from experiments.writing import dump_yaml

blueprint = Blueprint("files", __name__)
blueprint.before_request(require_own_host)


@blueprint.get("/experiments/<key>/definition.yml")
@needs(*ROLES)
def as_yaml(key: str) -> Response:
    name, document = _exported(key)
    return _file(dump_yaml(document), f"{name}.yml", "application/yaml; charset=utf-8")


@blueprint.get("/experiments/<key>/definition.json")
@needs(*ROLES)
def as_json(key: str) -> Response:
    name, document = _exported(key)
    return _file(json.dumps(document, ensure_ascii=False, indent=2) + "\n", f"{name}.json", "application/json")


def _exported(key: str) -> tuple[str, dict[str, Any]]:
    version = version_of(context().runtime.store.documents.experiment(key), request.args.get("version"))
    return f"{key}-v{version.number}", version.definition.document()


def _file(text: str, name: str, kind: str) -> Response:
    return Response(text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


# ------------------------------------------------------------------------------------------- import


@dataclass(frozen=True, slots=True)
class Wrong:
    """A thing that is wrong with a file: the place in words, its pointer, and what would be right."""

    place: str
    pointer: str
    detail: str


@blueprint.get("/experiments/import")
@needs("researcher")
def choose() -> Response:
    return _import_page("")


@blueprint.post("/experiments/import")
@needs("researcher")
def take_in() -> Response:
    """Take a file in as a draft. A key that exists already is asked about first: nothing is replaced in silence."""
    at, text = context(), ""
    document: Any = None
    try:
        text = _given()
        document = _document(text)
        found = desk.apply(at.runtime, document, _actor(), revision=_revision())
    except InvalidDefinition as error:
        return _import_page(text, [_wrong(one, document) for one in error.violations], status=422)
    except Stale as error:
        return _import_page(text, known=error.found, status=409)
    except (InvalidInput, Refused) as error:
        status = 409 if isinstance(error, Refused) else 422
        return _import_page(text, [Wrong(_("the file"), error.pointer or "", error.detail)], status=status)
    at.runtime.refresh(at.now)
    return redirect(f"/experiments/{found.key}/plan", 303)


def _given() -> str:
    """What was pasted, or else what the file holds: so a file that was sent before can be corrected on the page."""
    sent = request.files.get("file")
    content = sent.read() if sent else b""
    if not content:
        pasted = request.form.get("text", "").replace("\r\n", "\n")
        if not pasted.strip():
            raise InvalidInput(_("choose a file, or paste its text"), code="missing-field", pointer="/file")
        return pasted
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InvalidInput(_("the file is no text in UTF-8; save it as such"), pointer="/file") from None


def _document(text: str) -> Any:
    """JSON begins with a brace; everything else is YAML."""
    document = load_json(text) if text.lstrip().startswith("{") else load_yaml(text)
    key = document.get("key") if isinstance(document, dict) else None
    if isinstance(key, str) and not sees(key):
        told = _("your account is not for the experiment “%(key)s”; ask an administrator", key=key)
        raise InvalidInput(told, code="role-missing", pointer="/key")
    return document


def _revision() -> int:
    """0: it must be new. After the question whether it shall replace what there is, the revision of that."""
    text = request.form.get("revision", "")
    wanted = request.form.get("onto") == "yes" and text.isdecimal() and len(text) <= 9
    return int(text) if wanted else 0


def _wrong(violation: Violation, document: Any) -> Wrong:
    return Wrong(in_words(violation.pointer, document), violation.pointer, violation.detail)


def _import_page(
    text: str, wrong: list[Wrong] | None = None, *, known: Experiment | None = None, status: int = 200
) -> Response:
    page = render_template("research/import.html", text=text, wrong=wrong or [], known=known, states=STATES)
    return make_response(page, status)


# ---------------------------------------------------------------------------------------- duplicate


@blueprint.get("/experiments/<key>/duplicate")
@needs("researcher")
def ask(key: str) -> Response:
    version = version_of(context().runtime.store.documents.experiment(key), request.args.get("version"))
    title = _("%(title)s (copy)", title=version.definition.title)[:200]
    return _copy_page(key, {"version": str(version.number), "key": "", "title": title})


@blueprint.post("/experiments/<key>/duplicate")
@needs("researcher")
def duplicate(key: str) -> Response:
    """Copy a version's definition into a new experiment, as its draft."""
    at = context()
    given = {name: request.form.get(name, "").strip() for name in ("version", "key", "title")}
    version = version_of(at.runtime.store.documents.experiment(key), given["version"])
    document = {**version.definition.document(), "key": given["key"], "title": given["title"]}
    try:
        _require_free(given["key"])
        found = desk.apply(at.runtime, document, _actor(), revision=0)
    except (InvalidInput, Refused) as error:
        return _copy_page(key, given, error)
    at.runtime.refresh(at.now)
    return redirect(f"/experiments/{found.key}/plan", 303)


def _require_free(key: str) -> None:
    """Refuse a key that is taken, also by an experiment that this account does not see."""
    try:
        context().runtime.store.documents.experiment(key)
    except NotFound:
        if sees(key):
            return
    raise InvalidInput(_("this key cannot be taken: choose another one"), pointer="/key")


def _copy_page(key: str, given: dict[str, str], error: SignpostError | None = None) -> Response:
    experiment = context().runtime.store.documents.experiment(key)
    violations = error.violations if isinstance(error, InvalidDefinition) else ()
    wrong = {one.pointer[1:]: one.detail for one in violations} if violations else {}
    if error is not None and not violations:
        wrong = {(error.pointer or "")[1:]: error.detail}
    page = render_template("research/duplicate.html", experiment=experiment, given=given, wrong=wrong)
    return make_response(page, 200 if error is None else 409 if isinstance(error, Refused) else 422)


def _actor() -> Actor:
    return Actor(person().name, context().now)
