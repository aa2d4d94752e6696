"""GET /v1/go/<token>/<resource>/<channel>: counts the click and sends on to help.

Never to an address that the experiment does not have; and whatever is wrong with the token, the person
still reaches help.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request

from app import problems
from app.context import Context, context
from app.contract import contract
from app.public.bodies import LONGEST_TAG
from app.public.metrics import count_receipt
from app.public.warnings import is_prefetch
from experiments.catalogue import Live
from experiments.directory import HelpChannel, HelpResource, direction, match, offers, text_in
from experiments.errors import InvalidInput, OutcomeRefused, StoreUnavailable, TokenError
from experiments.outcomes import Event, open_either, outcome_by_token, young_people_help
from experiments.tokens import Grant

blueprint = Blueprint("links", __name__)


@dataclass(frozen=True, slots=True)
class _Click:
    grant: Grant
    live: Live
    resource: HelpResource
    channel: HelpChannel
    forced: bool


@blueprint.get("/v1/go/<token>/<resource>/<channel>")
@contract(
    "Follow a help link: counts the click, then sends on (call and e-mail: a page with the number or address)",
    gives={302: "text/html", 200: "text/html"},
)
def go(token: str, resource: str, channel: str) -> Response:
    at = context()
    click = _click(at, token, resource, channel)
    if click is None:
        return _default_help(at)
    if request.method != "HEAD" and not is_prefetch() and not click.forced:
        _count(at, token, click)
    return _send(at, click)


@blueprint.get("/v1/go/<path:rest>")
def cut_off(rest: str) -> Response:  # noqa: ARG001
    """A link that lost a part on its way, or has one too many."""
    return _default_help(context())


def _click(at: Context, token: str, resource: str, channel: str) -> _Click | None:
    """What the link says, if the token is ours and the experiment offers that."""
    try:
        grant, live, forced = open_either(at.runtime, token, "go", None, at.now)
    except TokenError:
        return None
    if resource not in live.version.definition.help:
        return None
    found = at.runtime.directory.by_key.get(resource)  # it may have been taken out since
    way = found.channel(channel) if found else None
    return _Click(grant, live, found, way, forced) if found and way else None


def _count(at: Context, token: str, click: _Click) -> None:
    try:
        if click.resource.for_young_people:
            receipt = young_people_help(at.runtime, click.grant, click.live, at.now)
        else:
            event = Event("help_sought", click.channel.channel, "reported", at.now)
            receipt = outcome_by_token(at.runtime, token, event, None, at.now, purpose="go")
        count_receipt("go", receipt)
    except (OutcomeRefused, StoreUnavailable, InvalidInput, TokenError):
        count_receipt("go", "refused")  # the person goes on to help all the same


def _send(at: Context, click: _Click) -> Response:
    if click.channel.address.startswith("https:"):
        answer = redirect(click.channel.address, 302)
        return Response(answer.get_data(), 302, {"Location": click.channel.address}, content_type="text/html")
    locale = match(request.args.get("locale", "")[:LONGEST_TAG], tuple(click.channel.label)) or "en"
    shown = [o for o in offers([click.resource], locale, at.now) if o.channel == click.channel.channel]
    confidentiality = text_in(locale, click.resource.confidentiality) if click.resource.confidentiality else None
    page = render_template(
        "public/contact.html", offer=shown[0], confidentiality=confidentiality, locale=locale, dir=direction(locale)
    )
    return Response(page, content_type="text/html; charset=utf-8")


@blueprint.errorhandler(Exception)
def with_help(error: Exception) -> Response:
    """Whoever follows a link to help reaches help, whatever went wrong."""
    return _default_help(context(), problems.of(error).status_code)


def _default_help(at: Context, status: int = 200) -> Response:
    """A bad or old link: every way to help that the fallback has, uncounted."""
    keys = at.runtime.fallbacks.of(None).help
    ways = offers([at.runtime.directory.by_key[key] for key in keys], "en", at.now)
    page = render_template("public/help.html", offers=ways, locale="en", dir="ltr")
    return Response(page, status, content_type="text/html; charset=utf-8")
