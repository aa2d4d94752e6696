"""Form and text of one experiment, side by side: which of them was changed, what it says, and what is wrong with it.

The page carries a digest of each as it was last brought together. Whichever differs from its digest was edited and
counts; the other one follows. Where both were edited, nothing is overwritten: the person chooses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask_babel import gettext as _

from app.research.editor.words import CODES, PATTERNS, place
from experiments import forms, spec
from experiments.errors import InvalidDefinition, InvalidInput, Violation
from experiments.forms import Fields
from experiments.reading import load_yaml
from experiments.writing import dump_yaml

Source = Literal["form", "text"]


@dataclass(frozen=True)
class Work:
    """What somebody is working on.

    fields, text   both sides, as they go back to the page
    form_was, text_was   digests by which the next look tells what was edited
    document       what counts;   definition: the same, if nothing is wrong with it
    errors         field -> what is wrong;   summary: all of it, in the document's order (field or None, text)
    violations     the rules' own words, for programs
    is_torn        both sides were edited;   follows: the form was filled anew from the text
    """

    fields: dict[str, str]
    text: str
    form_was: str
    text_was: str
    document: dict[str, Any]
    definition: spec.Definition | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    summary: list[tuple[str | None, str]] = field(default_factory=list)
    violations: tuple[Violation, ...] = ()
    is_torn: bool = False
    follows: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether it can be saved."""
        return self.definition is not None and not self.summary and not self.is_torn


@dataclass(frozen=True)
class Rules:
    """What a document is held against, beside its own rules: known help, and its key.

    key    the experiment's, which stays; None for a new one;   taken: keys of other experiments
    """

    help_resources: Collection[str]
    key: str | None = None
    taken: Collection[str] = ()


def begin(document: Mapping[str, Any], rules: Rules) -> Work:
    """Start from a document, which may be unfinished."""
    text = dump_yaml(document)
    return _checked(forms.fields_of(document), text, document, rules)


def go_on(sent: Fields, rules: Rules, choice: Source | None = None) -> Work:
    """Take both sides up as the page sent them. `choice` is what counts where both were edited."""
    fields = {name: value for name, value in sent.items() if name not in ("text", "form_was", "text_was")}
    text = sent.get("text", "")
    form_was, text_was = sent.get("form_was", ""), sent.get("text_was", "")
    is_form = _digest_of_form(fields) != form_was
    is_text = _digest(text) != text_was
    if choice is None and is_form and is_text:
        torn = Work(fields, text, form_was, text_was, forms.read(fields).document, is_torn=True)
        return _with(torn, [(None, _("You changed the form and the text. Choose which of them counts."))])
    if choice == "form" or (choice is None and is_form):
        return _from_form(fields, rules)
    return _from_text(fields, text, form_was, rules, refill=is_text or choice == "text")


def _from_form(fields: dict[str, str], rules: Rules) -> Work:
    document = forms.read(fields).document
    return _checked(fields, dump_yaml(document), document, rules)


def _from_text(fields: dict[str, str], text: str, form_was: str, rules: Rules, *, refill: bool) -> Work:
    try:
        document = load_yaml(text)
        if not isinstance(document, dict):
            raise InvalidInput(_("an experiment is a list of fields with their values"), code="wrong-type")  # noqa: TRY301
    except InvalidInput as error:  # the form stays as it was until the text can be read again
        broken = Work(fields, text, form_was, "", {}, violations=(Violation("", error.code, error.detail),))
        return _with(broken, [("text", f"{_('Text')}: {error.detail}")])
    filled = {**_own(fields), **forms.fields_of(document)} if refill else fields
    return _checked(filled, text, document, rules, is_text=True, follows=refill)


def _checked(
    fields: dict[str, str], text: str, document: Mapping[str, Any], rules: Rules, *, is_text: bool = False,
    follows: bool = False,
) -> Work:  # fmt: skip
    form = forms.read(fields)
    definition, found = _parsed(document, rules)
    summary = [(field_, _plain(place(field_, fields), text_)) for field_, text_ in form.troubles.items()]
    errors = {name: _sentence(told) for name, told in form.troubles.items()}
    for violation in found:
        at = "control" if violation.code == "missing-control" else form.field_at(violation.pointer) or "text"
        errors.setdefault(at, _told(violation))
        where = place(at, fields) if at != "text" else violation.pointer
        summary.append((at, _plain(where, _told(violation))))
    # A text that says more than the form can is never written over unasked: it counts as edited.
    is_whole = not is_text or forms.carries(document)
    return Work(
        fields=forms.padded(fields), text=text, form_was=_digest_of_form(fields),
        text_was=_digest(text) if is_whole else "", document=dict(document), definition=definition, errors=errors,
        summary=list(dict.fromkeys(summary)), violations=found, follows=follows,
    )  # fmt: skip


def _parsed(document: Mapping[str, Any], rules: Rules) -> tuple[spec.Definition | None, tuple[Violation, ...]]:
    key, own = document.get("key"), []
    if rules.key is not None and key not in (None, rules.key):
        told = _("the key of an experiment stays “%(key)s”; duplicate it to have one with another key", key=rules.key)
        own.append(Violation("/key", "invalid-value", told))
    if rules.key is None and key in rules.taken:
        told = _("there is an experiment “%(key)s” already; choose another key, or edit that one", key=key)
        own.append(Violation("/key", "duplicate-key", told))
    try:
        return spec.parse(document, help_resources=rules.help_resources), tuple(own)
    except InvalidDefinition as error:
        return None, (*own, *error.violations)


def _with(work: Work, summary: list[tuple[str | None, str]]) -> Work:
    errors = {name: told for name, told in summary if name}
    return Work(**{**work.__dict__, "summary": summary, "errors": errors, "fields": forms.padded(work.fields)})


def _own(fields: Fields) -> dict[str, str]:
    """What the page asks beside the document."""
    return {name: fields[name] for name in ("per_day", "why") if name in fields}


def _told(violation: Violation) -> str:
    """The rule's sentence, without the name of the field that it stands beside."""
    if violation.code in CODES:
        return str(CODES[violation.code])
    if violation.code == "missing-field" and violation.detail.startswith("the field"):
        return str(_("Fill this in."))
    pattern = next((told for pattern, told in PATTERNS.items() if f"'{pattern}'" in violation.detail), None)
    if pattern is not None:
        return str(pattern)
    return _sentence(re.sub(r"^'[^']+' ", "", violation.detail))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _plain(where: str, told: str) -> str:
    return f"{where}: {told}"


def _digest_of_form(fields: Fields) -> str:
    form = forms.read(fields)
    return _digest(spec.canonical_json({"document": form.document, "troubles": form.troubles}))


def _digest(text: str) -> str:
    return hashlib.sha256(text.replace("\r\n", "\n").strip().encode("utf-8", "backslashreplace")).hexdigest()[:32]
