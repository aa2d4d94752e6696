"""Rows of the form that come and go: a variant, a locale, a factor, an outcome. Pure; what was entered stays."""

from __future__ import annotations

import re
from collections.abc import Mapping

from experiments.forms.reading import rows
from experiments.forms.shape import SENTENCES, Fields

# What each kind of row is called in the fields; the number is the second group.
_FAMILIES = {
    "variant": ("variants", r"(variants-)(\d+)(-.*)"),
    "locale": ("locales", r"(locales-|variants-\d+-messages-)(\d+)(-.*)"),
    "factor": ("factors", r"(factors-|variants-\d+-factors-)(\d+)()"),
    "secondary": ("outcomes-secondary", r"(outcomes-secondary-)(\d+)(-.*)"),
    "guardrail": ("outcomes-guardrails", r"(outcomes-guardrails-)(\d+)(-.*)"),
}
_NEW: Mapping[str, Mapping[str, str]] = {
    "variant": {"variants-{}-key": "", "variants-{}-weight": ""},
    "locale": {"locales-{}-tag": "", "locales-{}-review": ""},
    "factor": {"factors-{}": ""},
    "secondary": {"outcomes-secondary-{}-outcome": "help_sought"},
    "guardrail": {"outcomes-guardrails-{}-outcome": "repeat_trigger", "outcomes-guardrails-{}-better": "lower"},
}


def changed(fields: Fields, act: str) -> dict[str, str]:
    """Return the fields after `add-KIND`, `remove-KIND-NUMBER` or `equal-weights`; of any other act, as they are."""
    if act == "equal-weights":
        return equal_weights(fields)
    verb, _, rest = act.partition("-")
    kind, _, number = rest.partition("-")
    if kind not in _FAMILIES:
        return dict(fields)
    if verb == "add":
        return _add(fields, kind)
    return _remove(fields, kind, int(number)) if verb == "remove" and number.isdecimal() else dict(fields)


def equal_weights(fields: Fields) -> dict[str, str]:
    """Give every variant the same share; what cannot be divided goes to the first ones."""
    every = rows(fields, "variants")
    share, rest = divmod(10_000, len(every) or 1)
    return {**fields, **{f"variants-{i}-weight": str(share + (n < rest)) for n, i in enumerate(every)}}


def padded(fields: Fields) -> dict[str, str]:
    """Return the fields with an empty row at the end of each list of sentences and of the help, to write in."""
    found = dict(fields)
    for name in (*SENTENCES, "help"):
        numbers = rows(found, name)
        if not numbers or found[f"{name}-{numbers[-1]}"].strip():
            found[f"{name}-{numbers[-1] + 1 if numbers else 0}"] = ""
    return found


def _add(fields: Fields, kind: str) -> dict[str, str]:
    numbers = rows(fields, _FAMILIES[kind][0])
    number = numbers[-1] + 1 if numbers else 0
    return {**fields, **{name.format(number): value for name, value in _NEW[kind].items()}}


def _remove(fields: Fields, kind: str, gone: int) -> dict[str, str]:
    pattern = re.compile(_FAMILIES[kind][1])
    found: dict[str, str] = {}
    for name, value in fields.items():
        match = pattern.fullmatch(name)
        if match is None:
            found[name] = value
        elif (number := int(match[2])) != gone:
            found[f"{match[1]}{_closed_up(number, gone)}{match[3]}"] = value
    if kind == "variant" and found.get("control", "").isdecimal():
        control = int(found["control"])
        found["control"] = "" if control == gone else str(_closed_up(control, gone))
    return found


def _closed_up(number: int, gone: int) -> int:
    return number - (number > gone)
