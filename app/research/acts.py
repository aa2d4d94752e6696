"""What people read about each act of an experiment's life, and what they enter for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from experiments.errors import InvalidInput
from experiments.model import LogEntry, Version


class About(NamedTuple):
    """An act in words.

    asks_why  a reason must be given: the act is reported as a departure from the plan, or sends work back
    sure      what has to be ticked first, where the act cannot be taken back
    """

    title: str
    what: str
    button: str
    done: str
    asks_why: bool = False
    sure: str | None = None


ABOUT: Mapping[str, About] = {
    "submit": About(
        _("Submit for approval"),
        _("Asks somebody else to approve the texts. Until it is sent back, nothing of it can be changed."),
        _("Submit for approval"), _("It waits for approval now."),
    ),
    "reject": About(
        _("Send back"), _("Makes it a draft again, so that it can be changed. Approvals given so far are void."),
        _("Send back to the author"), _("It is a draft again."), asks_why=True,
    ),
    "approve": About(
        _("Approve texts"),
        _("Say with your name that these texts may be shown to people. It holds for 90 days, and is void when the "
          "text changes."),
        _("Approve the ticked languages"), _("Your approval is noted."),
    ),
    "start": About(
        _("Start"),
        _("From now on people are shown these messages. The plan is locked: texts, outcomes and analysis cannot be "
          "changed any more. An older version that runs is stopped."),
        _("Start the experiment"), _("It runs."),
        sure=_("Yes, lock the plan and show these messages to people."),
    ),
    "set-traffic": About(
        _("Change how many take part"),
        _("Of those who meet the warning. The others are shown the default message. Nobody changes their message."),
        _("Change the share"), _("The share was changed."), asks_why=True,
    ),
    "set-weights": About(
        _("Change the shares of the messages"), _("For people who come from now on; once a day at most."),
        _("Change the shares"), _("The shares were changed."), asks_why=True,
    ),
    "close-arm": About(
        _("Close one message"),
        _("Nobody new is shown it again, and it cannot be opened again. What its people do still counts."),
        _("Close this message for good"), _("That message is closed."), asks_why=True,
        sure=_("Yes, close it for good."),
    ),
    "suspend": About(
        _("Stop showing these messages now"),
        _("Everybody gets the default message of the surface, within seconds. Nothing is lost, and an approver can "
          "resume it. Anybody may do this. If in doubt, do."),
        _("Stop showing these messages now"), _("Suspended: everybody gets the default message."),
    ),
    "resume": About(
        _("Resume"), _("Shows the experiment’s messages to people again."), _("Resume the experiment"),
        _("It runs again."), asks_why=True,
    ),
    "stop": About(
        _("End the experiment"),
        _("Nobody is shown its messages any more; it cannot be started again. What people do who saw one still counts. "
          "After that it can be decided."),
        _("End it"), _("It is stopped."), asks_why=True, sure=_("Yes, end it for good."),
    ),
    "archive": About(
        _("Put into the archive"), _("It stays readable. An adopted text stays adopted."), _("Put into the archive"),
        _("It is in the archive."),
    ),
    "propose": About(
        _("Propose a decision"), _("Nothing changes before an approver other than you confirms it."),
        _("Propose this decision"), _("Your proposal waits for an approver."), asks_why=True,
    ),
    "withdraw": About(
        _("Take the proposal back"), _("Then something else can be proposed."), _("Take the proposal back"),
        _("The proposal is taken back."),
    ),
    "confirm": About(
        _("Confirm the decision"),
        _("You have read the evidence, and agree. The experiment is concluded by it: the key that assigned people to "
          "messages is destroyed, and no count can change any more."),
        _("Confirm and conclude"), _("Decided."), sure=_("Yes, I have read the evidence and agree."),
    ),
    "unadopt": About(
        _("Undo the adoption"), _("The surfaces show again what they showed before, within seconds."),
        _("Take the adopted text back"), _("The adopted text is taken back."), asks_why=True,
    ),
}  # fmt: skip
LOGGED = {
    "apply": _("Draft saved"), "conclude": _("Concluded"), "adapt": _("Shares changed, as the plan says"),
    "correct-help": _("Help data corrected"),
}  # fmt: skip
MAIN = {"draft": "submit", "in_review": "approve", "approved": "start", "suspended": "resume"}  # what comes next
WHOLE = 10_000


def why(act: str, form: MultiDict[str, str]) -> str | None:
    """The reason as it was entered; raises InvalidInput where one is needed or the act is not confirmed."""
    about, told = ABOUT[act], form.get("why", "").strip()
    if about.asks_why and not told:
        raise InvalidInput("say why: the reason is kept in the log", code="missing-field", pointer="/why")
    if len(told) > 2000:
        raise InvalidInput("say it in at most 2000 characters", pointer="/why")
    if about.sure is not None and form.get("sure") != "yes":
        raise InvalidInput("tick the box to confirm: this cannot be taken back", code="missing-field", pointer="/sure")
    return told or None


def options(act: str, form: MultiDict[str, str], version: Version) -> dict[str, Any]:
    """What the act takes, as `desk.act` wants it; raises InvalidInput naming the field."""
    if act == "approve":
        return {"locales": form.getlist("locales")}
    if act == "set-traffic":
        return {"traffic": _basis_points(form.get("traffic", ""), "/traffic")}
    if act == "set-weights":
        keys = [variant.key for variant in version.definition.variants]
        return {"weights": [_basis_points(form.get(f"weight-{key}", ""), f"/weight-{key}") for key in keys]}
    if act == "close-arm":
        return {"variant": form.get("variant", "")}
    return {}


DETAILS = {
    "traffic": _("people who take part"), "weights": _("shares"), "variant": _("message"), "locales": _("languages"),
    "decision": _("decision"), "proposed_by": _("proposed by"),
}  # fmt: skip
CHOICES: Mapping[str, Any] = {
    "adopt": _("Adopt a message"), "keep-control": _("Keep the present message"), "inconclusive": _("Inconclusive"),
    "stopped-for-harm": _("Stopped for harm"),
}  # fmt: skip


def told(entry: LogEntry) -> list[tuple[str, str]]:
    """What a log entry says beside who, when and why: names and values as people read them."""
    found = [(name, str(value)) for name, value in entry.details.items() if name in DETAILS]
    return [(str(DETAILS[name]), _value(name, value)) for name, value in found]


def sentence(detail: str) -> str:
    """What the domain says went wrong, as a sentence of its own."""
    return detail[:1].upper() + detail[1:] + ("" if detail.endswith((".", "?", ")")) else ".")


def _value(name: str, value: str) -> str:
    if name == "decision":
        return str(CHOICES.get(value, value))
    if name in ("traffic", "weights"):
        return ", ".join(f"{int(part) / 100:g} %" for part in value.split(","))
    return value


def _basis_points(text: str, pointer: str) -> int:
    """Per cent, with up to two decimals, as basis points."""
    try:
        value = float(text.strip().rstrip("%").replace(",", ".")) * 100
    except ValueError:
        value = -1.0
    if not (0 <= value <= WHOLE and abs(value - round(value)) < 1e-6):
        raise InvalidInput("enter per cent from 0 to 100, such as 25 or 12.5", pointer=pointer)
    return round(value)
