"""/experiments/new, /experiments/<key>/edit, /experiments/check: the form that writes the experiment's document.

Everything works without scripts: each button sends the whole form. With scripts, `editor.js` asks `/experiments/check`
while somebody types, which is the same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.context import context
from app.contract import reply
from app.research.editor.planner import planner
from app.research.editor.preview import previews
from app.research.editor.words import about
from app.research.editor.work import Rules, Source, Work, begin, go_on
from app.staff import needs, person, sees
from experiments import desk, diffing, forms
from experiments.directory import LIBRARY, direction
from experiments.errors import NotFound, Refused, Stale
from experiments.forms.size import PER_DAY
from experiments.lifecycle import Actor
from experiments.model import Experiment
from experiments.reading import load_yaml
from experiments.spec import Definition

blueprint = Blueprint("editor", __name__)

LARGEST_FORM = 1024 * 1024
TEMPLATES = {"four-lines": "four-lines.yml", "theme-by-framing": "theme-by-framing.yml"}
EMPTY: dict[str, Any] = {
    "schema": 1,
    "variants": [{"key": "present", "control": True, "weight": 5000}, {"weight": 5000}],
    "outcomes": {"primary": {"outcome": "help_sought"}},
}
STRUCTURE = ("add-", "remove-", "equal-", "take-", "use-", "look")  # acts after which the form looks different


class Page(NamedTuple):
    """Beside the work: the experiment as it is there, what was asked, and what stands in the way."""

    known: Experiment | None
    revision: int
    has_tried: bool = True
    stale: Experiment | None = None
    saved: bool = False


@blueprint.before_request
def take_long_texts() -> None:
    """Texts in several languages, twice: as form and as YAML."""
    request.max_content_length = request.max_form_memory_size = LARGEST_FORM


# ----------------------------------------------------------------------------------------------- pages


@blueprint.get("/experiments/new")
@needs("researcher")
def new() -> Response:
    document = _start(request.args)
    if document is None:
        return _made("start.html", templates=_titles(), experiments=_visible())
    return _page(_begun(document, None), Page(None, 0, has_tried=False))


@blueprint.post("/experiments/new")
@needs("researcher")
def create() -> AnyResponse:
    return _taken(None)


@blueprint.get("/experiments/<key>/edit")
@needs("researcher")
def edit(key: str) -> Response:
    experiment = _known(key)
    state = experiment.latest.state
    if state in ("in_review", "approved") or (state != "draft" and "new" not in request.args):
        return _made("blocked.html", experiment=experiment, version=experiment.latest)
    work = _begun(experiment.latest.definition.document(), experiment)
    return _page(work, Page(experiment, experiment.revision, has_tried=False, saved="saved" in request.args))


@blueprint.post("/experiments/<key>/edit")
@needs("researcher")
def change(key: str) -> AnyResponse:
    return _taken(_known(key))


@blueprint.post("/experiments/check")
@needs("researcher")
def check() -> Response:
    """What the form would say, for scripts: errors by field, both sides, previews and size."""
    key = request.form.get("experiment", "")
    work = _sent(_known(key) if key and _require_seen(key) else None)
    looks_new = work.follows or request.form.get("do", "").startswith(STRUCTURE)
    return reply(_told(work) | {"form": _part("_form.html", work) if looks_new else None})


# ------------------------------------------------------------------------------------------------ acts


def _taken(known: Experiment | None) -> AnyResponse:
    """Check what was sent; save it if that was asked, and nothing is wrong."""
    work, revision = _sent(known), _number("revision")
    if request.form.get("do") == "over":
        revision = _number("theirs")
    if request.form.get("do") not in ("save", "over"):
        return _page(work, Page(known, revision), _status(work))
    if not work.is_sound or work.definition is None:
        return _page(work, Page(known, revision), 422)
    try:
        saved = _saved(work.definition, known, revision)
    except Stale as error:
        return _page(work, Page(known, revision, stale=error.found or known), 409)
    except Refused as error:
        refused = Work(**{**work.__dict__, "summary": [(None, error.detail)]})
        return _page(refused, Page(known, revision), 409)
    return redirect(url_for("editor.edit", key=saved.key, saved=1), 303)


def _saved(definition: Definition, known: Experiment | None, revision: int) -> Experiment:
    """Save a draft; the same draft once more is no change."""
    at = context()
    if known and known.revision == revision and _is_draft_of(known, definition):
        return known
    why = request.form.get("why", "").strip()[:1000] or None
    saved = desk.apply(at.runtime, definition.document(), Actor(person().name, at.now, why), revision=revision)
    at.runtime.refresh(at.now)
    return saved


def _is_draft_of(known: Experiment, definition: Definition) -> bool:
    return known.latest.state == "draft" and known.latest.definition == definition


def _start(asked: Mapping[str, str]) -> dict[str, Any] | None:
    """The document to begin with, without a key; None: nothing was chosen yet."""
    if "from" in asked:
        document = _known(asked["from"]).latest.definition.document()
    elif asked.get("template") == "empty":
        document = EMPTY
    elif asked.get("template") in TEMPLATES:
        document = load_yaml((LIBRARY / TEMPLATES[asked["template"]]).read_text(encoding="utf-8"))
    else:
        return None
    return {name: value for name, value in document.items() if name != "key"}


def _known(key: str) -> Experiment:
    _require_seen(key)
    return context().runtime.store.documents.experiment(key)


def _require_seen(key: str) -> bool:
    if not sees(key):
        raise NotFound(f"there is no experiment '{key}'", code="unknown-experiment", pointer="/experiment")
    return True


def _visible() -> list[Experiment]:
    return [e for e in context().runtime.store.documents.experiments() if sees(e.key)]


def _titles() -> dict[str, dict[str, Any]]:
    return {name: load_yaml((LIBRARY / file).read_text(encoding="utf-8")) for name, file in TEMPLATES.items()}


# ------------------------------------------------------------------------------------------------ form


def _begun(document: Mapping[str, Any], known: Experiment | None) -> Work:
    work = begin(document, _rules(known))
    if document.get("variants") == EMPTY["variants"]:
        work.fields["locales-0-tag"] = "en"
    return work


def _sent(known: Experiment | None) -> Work:
    """What came with the form, after the act that was asked for."""
    act = request.form.get("do", "")
    fields = forms.changed({name: _entered(name) for name in request.form if name not in _AROUND}, act)
    if act == "take-size":
        size = planner(forms.read(fields).document, fields.get("per_day", "")).sized.plan
        fields |= {"plan-units_per_variant": str(size.chosen.units_per_variant)} if size else {}
    choices: dict[str, Source] = {"use-form": "form", "use-text": "text"}
    return go_on(fields, _rules(known), choices.get(act))


_AROUND = ("csrf_token", "do", "revision", "theirs", "experiment")


def _entered(name: str) -> str:
    """A field's text; browsers send line breaks as CRLF, and boxes one by one."""
    if name.endswith(("-channels", "-tiers")):
        return " ".join(request.form.getlist(name))
    return request.form[name].replace("\r\n", "\n")


def _number(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _rules(known: Experiment | None) -> Rules:
    at = context().runtime
    if known is not None:
        return Rules(at.directory.by_key, known.key)
    return Rules(at.directory.by_key, None, at.catalogue.snapshot.known)


def _status(work: Work) -> int:
    asked = request.form.get("do", "")
    return 422 if work.summary and not asked.startswith(("add-", "remove-", "equal-", "take-")) else 200


# ---------------------------------------------------------------------------------------------- answers


def _page(work: Work, page: Page, status: int = 200) -> Response:
    theirs = page.stale.latest if page.stale else None
    diff = diffing.between(theirs.definition, work.definition) if theirs and work.definition else None
    return _made(
        "edit.html",
        status,
        editing=page,
        theirs=theirs,
        diff=diff,
        direction=direction,
        me=person().name,
        **_around(work, shows=page.has_tried),
    )


def _told(work: Work) -> dict[str, Any]:
    """The answer for scripts."""
    form, shown = forms.read(work.fields), _around(work)
    found = [
        {"pointer": v.pointer, "type": f"/problems/{v.code}", "detail": v.detail, "field": form.field_at(v.pointer)}
        for v in work.violations
    ]
    return {
        "sound": work.is_sound, "torn": work.is_torn, "errors": dict(work.errors), "violations": found,
        "summary": _part("_summary.html", work), "status": _part("_status.html", work),
        "text": work.text, "form_was": work.form_was, "text_was": work.text_was,
        "planner": _part("_planner.html", work),
        "previews": {
            f"preview-{at}": render_template("research/editor/_preview.html", at=at, shown=one)
            for at, one in shown["previews"].items()
        },
    }  # fmt: skip


def _part(template: str, work: Work) -> str:
    return render_template(f"research/editor/{template}", **_around(work))


def _made(template: str, status: int = 200, **values: Any) -> Response:
    return make_response(render_template(f"research/editor/{template}", **values), status)


def _around(work: Work, *, shows: bool = True) -> dict[str, Any]:
    """What the parts of the page take. `shows`: errors are told; a form that nobody has touched tells none."""
    at = context()
    return {
        "work": work, "fields": work.fields, "errors": work.errors if shows else {},
        "summary": work.summary if shows else [], "about": about,
        "rows": lambda family: forms.rows(work.fields, family),
        "plan": planner(work.document, work.fields.get("per_day", "")), "per_day": f"{PER_DAY:.0f}",
        "previews": previews(work.fields, at.runtime.directory, at.now), "resources": at.runtime.directory.by_key,
        "shows": shows, "arms": lambda: _arms(work),
    }  # fmt: skip


def _arms(work: Work) -> list[tuple[str, str]]:
    """The messages, to choose the control among them."""
    keys = {i: work.fields.get(f"variants-{i}-key", "") for i in forms.rows(work.fields, "variants")}
    return [(str(i), key or f"{_('Message')} {n}") for n, (i, key) in enumerate(keys.items(), 1)]


__all__ = ["blueprint"]
