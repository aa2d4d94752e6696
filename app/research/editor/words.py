"""What each field of the form is called, and one sentence that explains the choice."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from experiments.forms import Fields


class About(NamedTuple):
    """A field's label, and what helps to fill it in."""

    label: Any
    hint: Any = ""


_OUTCOME = {
    "outcome": About(_("What is counted"), _("It happened or it did not: once for each visitor.")),
    "name": About(_("Name"), _("Only needed where two outcomes are of the same kind. Lower-case letters and digits.")),
    "channels": About(_("Ways of seeking help"), _("For “sought help” only. None ticked: any way counts.")),
    "tiers": About(
        _("Who may report it"),
        _("The browser's own report, or the word of the partner's server. None ticked: either counts."),
    ),
}
ABOUT: dict[str, About] = {
    "key": About(
        _("Key"),
        _("Its name for ever, such as four-lines-uk: lower-case letters, digits and hyphens."),
    ),
    "title": About(_("Title"), _("What people read in lists and on the result. A question works well.")),
    "question": About(_("Question"), _("What you will know afterwards that you do not know now.")),
    "description": About(
        _("Description"), _("For readers of the file: where the warning stands, what differs, what does not.")
    ),
    "hypotheses": About(
        _("What you expect"), _("One sentence each, written down before the start. It goes into the protocol.")
    ),
    "hypotheses-#": About(_("Expectation")),
    "exclusions": About(_("What is not counted"), _("For readers of the protocol; nothing is computed from it.")),
    "exclusions-#": About(_("Exclusion")),
    "surfaces": About(
        _("Surfaces"), _("Where the warning is shown, one a line. A surface shows one running experiment at a time.")
    ),
    "unit": About(
        _("What is counted as one"),
        _("A visitor's session keeps its message when it meets the warning again; a single view does not."),
    ),
    "block_hours": About(_("Hours of a block"), _("For blocks of time only.")),
    "traffic": About(
        _("Share of visitors that take part"),
        _("In basis points: 10000 is everybody, 500 is 5 %. All others get the present default warning."),
    ),
    "strata": About(
        _("Groups"), _("Optional: names that a request may give, one a line, such as which list a search was on.")
    ),
    "window_hours": About(
        _("Hours in which an outcome counts"), _("After the message was first shown. 24 is one day; 72 at most.")
    ),
    "report_grace_hours": About(
        _("Hours that late reports are awaited"),
        _("A day decides when these are over, too; until then it is provisional."),
    ),
    "repeat_after_seconds": About(
        _("Seconds until a further trigger is a repeat"), _("Sooner it is taken for a reload of the page.")
    ),
    "locales": About(
        _("Languages"), _("A language is shown only if every message has it and a person has reviewed it.")
    ),
    "locales-#-tag": About(_("Language tag"), _("Such as en, es or pt-BR.")),
    "locales-#-review": About(_("Reviewed?"), _("If not, it is never shown.")),
    "locales-#-reviewed_by": About(_("Reviewed by"), _("The person's name.")),
    "locales-#-reviewed_on": About(_("Reviewed on")),
    "factors": About(
        _("In what the messages differ"),
        _("Such as theme or framing. Each message then says which one it is; all else should be the same."),
    ),
    "factors-#": About(_("Name of the difference")),
    "variants": About(
        _("Messages"),
        _("Each is shown to its share of visitors, by lot. One is the control: the warning that you show today."),
    ),
    "control": About(_("Which one is the control?"), _("All others are compared with it.")),
    "variants-#-key": About(_("Short name"), _("Lower-case letters, digits, - and _. It stands in every table.")),
    "variants-#-weight": About(
        _("Share of visitors"), _("In basis points: 2500 is 25 %. All shares together are 10000.")
    ),
    "variants-#-factors-#": About(_("Its value")),
    "variants-#-messages-#-title": About(_("Title"), _("At most 120 characters; the first thing that is read.")),
    "variants-#-messages-#-body": About(
        _("Text"), _("Plain text, at most 1200 characters. An empty line begins a new paragraph.")
    ),
    "variants-#-messages-#-action": About(_("Line above the help"), _("It invites; at most 80 characters.")),
    "help": About(
        _("Help that is offered"),
        _("The same for every message, in this order. The first one stands out. Leave a row empty to take it away."),
    ),
    "help-#": About(_("Help")),
    **{f"outcomes-primary-{name}": about for name, about in _OUTCOME.items()},
    **{f"outcomes-secondary-#-{name}": about for name, about in _OUTCOME.items()},
    **{f"outcomes-guardrails-#-{name}": about for name, about in _OUTCOME.items()},
    "outcomes-guardrails-#-better": About(_("Which way is better?"), _("The other way must not happen.")),
    "outcomes-guardrails-#-margin": About(
        _("How much worse is tolerated"), _("As a ratio: 1.1 is a tenth more. It is shown beside the result.")
    ),
    "plan-expected_rate": About(
        _("Expected rate"),
        _("What share of visitors reaches the main outcome with today's warning: 0.01 is 1 in 100."),
    ),
    "plan-minimum_effect": About(
        _("Smallest effect worth finding"),
        _("As a ratio: 1.2 is 12 instead of 10. Half the difference takes four times as long."),
    ),
    "plan-units_per_variant": About(
        _("Planned size: visitors for each message"), _("There it ends, winner or not. The planner proposes a number.")
    ),
    "plan-design": About(_("When it is decided")),
    "plan-alpha": About(
        _("Risk of a false finding"),
        _("0.05: where all messages work alike, one such experiment in 20 names a winner."),
    ),
    "plan-power": About(
        _("Chance to find a real effect"), _("0.8: of five effects as large as the smallest one above, four are found.")
    ),
    "plan-allocation": About(_("Shares while it runs")),
    "plan-leader_share": About(
        _("Give the leading message more visitors"), _("Only where losing messages are dropped.")
    ),
    "plan-looks": About(_("How many looks"), _("For a few planned looks only: 2 to 20, 5 if empty.")),
    "plan-spending": About(_("Caution at early looks"), _("For a few planned looks only.")),
    "per_day": About(
        _("Warnings a day"), _("All messages together. For the planner alone; it is not kept in the experiment.")
    ),
    "ethics-committee": About(_("Committee"), _("Who approved the study.")),
    "ethics-reference": About(_("Reference"), _("The number of the approval.")),
    "ethics-expires": About(_("Valid until"), _("The last day on which it holds. Nothing starts after it.")),
    "ethics-control": About(
        _("What the control shows"),
        _("To show no warning at all needs a reason and a second person who approves."),
    ),
    "ethics-reason": About(_("Why somebody may be shown nothing"), _("For a control without a warning only.")),
    "why": About(_("What did you change, and why?"), _("A sentence for the log. Optional.")),
    "text": About(
        _("The same experiment as text"),
        _(
            "The YAML file of this experiment. Change it here and check, and the form follows. Your comments stay until"
            " you change something in the form: then the text is written anew, without them."
        ),
    ),
}  # fmt: skip


# What a rule's pattern asks for, in words.
PATTERNS = {
    r"^[a-z0-9-]{3,64}$": _("Use 3 to 64 lower-case letters, digits and hyphens, without spaces."),
    r"^[a-z0-9_-]{1,64}$": _("Use up to 64 lower-case letters, digits, - and _, without spaces."),
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": _("Use a language tag such as en, es or pt-BR."),
}

# Rules that name fields of the file, in the form's words.
CODES = {
    "missing-control": _("Choose which message is the control."),
    "locale-missing": _("Fill this in: another message has a text in this language."),
    "no-reviewed-locale": _("At least one language must be reviewed, or nothing is shown."),
    "factor-missing": _("Fill this in: the other messages say it."),
    "channels-not-allowed": _("Untick these: they belong to “sought help” only."),
    "outcome-needs-session": _("A single view or a block cannot be recognised again; count visitors' sessions."),
}


def about(name: str) -> About:
    """Return label and hint of a field, by its name."""
    found = ABOUT.get(re.sub(r"(?<=-)[0-9]+(?=-|$)", "#", name))
    return found or About(name)


def place(name: str, fields: Fields) -> str:
    """Say where a field is, for a list of errors that is far from it: `Message “law”, es: Title`."""
    label = str(about(name).label)
    match = re.match(r"variants-([0-9]+)-(?:messages-([0-9]+)-)?", name)
    if match:
        who = fields.get(f"variants-{match[1]}-key") or str(int(match[1]) + 1)
        tag = fields.get(f"locales-{match[2]}-tag") if match[2] else None
        where = gettext("Message “%(name)s”", name=who)
        return f"{where}, {tag}: {label}" if tag else f"{where}: {label}"
    for prefix, what in _ROLES.items():
        if name.startswith(prefix):
            return f"{what}: {label}"
    return label


_ROLES = {
    "outcomes-primary-": _("Main outcome"),
    "outcomes-secondary-": _("Further outcome"),
    "outcomes-guardrails-": _("Safeguard"),
    "locales-": _("Language"),
    "ethics-": _("Ethics"),
}
