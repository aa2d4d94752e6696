"""What the domain's sentences are written with on pages: the reader's language, numbers and dates."""

from __future__ import annotations

from flask_babel import get_domain, gettext, lazy_gettext

from app.language import day, decimal
from experiments.model import State
from experiments.words import Words

STATES: dict[State, str] = {
    "draft": lazy_gettext("draft"), "in_review": lazy_gettext("in review"), "approved": lazy_gettext("approved"),
    "running": lazy_gettext("running"), "suspended": lazy_gettext("suspended"), "stopped": lazy_gettext("stopped"),
    "concluded": lazy_gettext("concluded"), "archived": lazy_gettext("archived"),
}  # fmt: skip


def words() -> Words:
    """The reader's."""
    return Words(translate=gettext, choose=_chosen, decimal=decimal, date=day)


def _chosen(one: str, more: str, number: int) -> str:
    return str(get_domain().get_translations().ungettext(one, more, number))
