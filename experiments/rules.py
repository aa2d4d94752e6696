"""What the fields of an experiment say about one another.

Every rule reads the raw document and passes over what has the wrong shape (pydantic reports that), so
that all violations, of shape and of meaning, come back at once. One function, one rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from experiments.errors import Violation
from experiments.violations import pointer

Document = Mapping[str, Any]
Found = Iterator[Violation]


def check(document: Document, help_resources: Collection[str] | None) -> Found:
    """Yield every violation of every rule."""
    for rule in RULES:
        yield from rule(document)
    if help_resources is not None:
        yield from _help_is_known(document, help_resources)


def _list(value: Any, kind: type = dict) -> list[tuple[int, Any]]:
    """Return the entries of the right kind with their positions; of anything that is no list, none."""
    return [(i, v) for i, v in enumerate(value) if isinstance(v, kind)] if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _variants(document: Document) -> list[tuple[int, Any]]:
    return _list(document.get("variants"))


def _weights_sum(document: Document) -> Found:
    weights = [v.get("weight") for _, v in _variants(document)]
    numbers = [w for w in weights if isinstance(w, int) and not isinstance(w, bool)]
    if weights and len(numbers) == len(weights) and sum(numbers) != 10_000:
        detail = f"weights must sum to exactly 10000 basis points; they sum to {sum(numbers)}"
        yield Violation("/variants", "weights-do-not-sum", detail)


def _repeated(entries: list[tuple[int, Any]], where: str, field: str | None, what: str) -> Found:
    names = [(i, v.get(field) if field else v) for i, v in entries]
    counts = Counter(name for _, name in names if isinstance(name, str))
    seen: set[str] = set()
    for i, name in names:
        if isinstance(name, str) and counts[name] > 1 and name in seen:
            at = pointer([where, i, field] if field else [where, i])
            yield Violation(at, "duplicate-key", f"{what} '{name}' is given twice; each needs a name of its own")
        if isinstance(name, str):
            seen.add(name)


def _unique_variants(document: Document) -> Found:
    yield from _repeated(_variants(document), "variants", "key", "the variant")


def _unique_lists(document: Document) -> Found:
    for field, what in (("surfaces", "the surface"), ("strata", "the stratum"), ("help", "the help resource")):
        yield from _repeated(_list(document.get(field), str), field, None, what)


def _one_control(document: Document) -> Found:
    variants = _variants(document)
    controls = [i for i, v in variants if v.get("control") is True]
    if variants and not controls:
        yield Violation("/variants", "missing-control", "exactly one variant must have 'control: true'; none has")
    for i in controls[1:]:
        yield Violation(pointer(["variants", i, "control"]), "several-controls", "only one variant may be the control")


def _control_is_shown(document: Document) -> Found:
    for i, v in _variants(document):
        if v.get("control") is True and v.get("weight") == 0:
            yield Violation(pointer(["variants", i, "weight"]), "invalid-value", "the control needs a weight above 0")


def _same_locales(document: Document) -> Found:
    variants = [(i, v, _dict(v.get("messages"))) for i, v in _variants(document)]
    every = list(dict.fromkeys(tag for _, _, messages in variants for tag in messages))
    for i, v, messages in variants:
        for tag in every:
            if messages and tag not in messages:
                detail = f"variant '{v.get('key', i)}' has no message in '{tag}', which another variant has"
                yield Violation(pointer(["variants", i, "messages", tag]), "locale-missing", detail)


def _reviews_exist(document: Document) -> Found:
    tags = {tag for _, v in _variants(document) for tag in _dict(v.get("messages"))}
    for tag in _dict(document.get("locales")):
        if tags and tag not in tags:
            detail = f"no variant has a message in '{tag}', so there is nothing to review"
            yield Violation(pointer(["locales", tag]), "unknown-locale", detail)


def _some_locale_is_served(document: Document) -> Found:
    tags = {tag for _, v in _variants(document) for tag in _dict(v.get("messages"))}
    reviews = _dict(document.get("locales"))
    if tags and all(_dict(reviews.get(tag)).get("reviewed") is False for tag in tags):
        yield Violation("/locales", "no-reviewed-locale", "at least one locale must be reviewed, or nothing is served")


def _same_factors(document: Document) -> Found:
    variants = [(i, set(_dict(v.get("factors")))) for i, v in _variants(document)]
    every = set().union(*(names for _, names in variants)) if variants else set()
    for i, names in variants:
        if names != every:
            missing = ", ".join(sorted(map(str, every - names)))
            detail = f"every variant declares the same factors; missing here: {missing}"
            yield Violation(pointer(["variants", i, "factors"]), "factor-missing", detail)


def _definitions(document: Document) -> list[tuple[list[str | int], dict[str, Any]]]:
    outcomes = _dict(document.get("outcomes"))
    found: list[tuple[list[str | int], dict[str, Any]]] = []
    if isinstance(outcomes.get("primary"), dict):
        found.append((["outcomes", "primary"], outcomes["primary"]))
    for role in ("secondary", "guardrails"):
        found += [(["outcomes", role, i], item) for i, item in _list(outcomes.get(role))]
    return found


def _unique_outcomes(document: Document) -> Found:
    seen: set[Any] = set()
    for where, item in _definitions(document):
        name = item.get("name") or ("primary" if where[-1] == "primary" else item.get("outcome"))
        if isinstance(name, str) and name in seen:
            detail = f"the outcome '{name}' is defined twice; give one of them a name of its own"
            yield Violation(pointer([*where, "name"]), "duplicate-key", detail)
        if isinstance(name, str):
            seen.add(name)


def _channels_only_for_help(document: Document) -> Found:
    for where, item in _definitions(document):
        if item.get("channels") is not None and item.get("outcome") != "help_sought":
            detail = "channels say how help was sought; they belong to the outcome help_sought only"
            yield Violation(pointer([*where, "channels"]), "channels-not-allowed", detail)


def _repeat_trigger_needs_sessions(document: Document) -> Found:
    if document.get("unit", "session") not in ("view", "block"):
        return
    for where, item in _definitions(document):
        if item.get("outcome") == "repeat_trigger":
            detail = "a view or a block cannot be recognised again, so repeat_trigger needs 'unit: session'"
            yield Violation(pointer([*where, "outcome"]), "outcome-needs-session", detail)


def _block_hours(document: Document) -> Found:
    is_block, given = document.get("unit") == "block", document.get("block_hours") is not None
    if is_block and not given:
        yield Violation("/block_hours", "missing-field", "'unit: block' needs block_hours, the length of a block")
    if given and not is_block:
        yield Violation("/block_hours", "unknown-field", "block_hours belongs to 'unit: block' only")


def _leader_share(document: Document) -> Found:
    plan = _dict(document.get("plan"))
    if plan.get("leader_share") is True and plan.get("allocation") != "drop-losers":
        yield Violation("/plan/leader_share", "invalid-value", "leader_share needs 'allocation: drop-losers'")


def _drop_losers(document: Document) -> Found:
    plan = _dict(document.get("plan"))
    if plan.get("allocation") == "drop-losers" and plan.get("design", "sequential") != "sequential":
        detail = "'allocation: drop-losers' needs 'design: sequential'; the other designs need constant shares"
        yield Violation("/plan/allocation", "invalid-value", detail)


def _looks(document: Document) -> Found:
    plan = _dict(document.get("plan"))
    for name in ("looks", "spending"):
        if name in plan and plan.get("design", "sequential") != "looks":
            yield Violation(f"/plan/{name}", "unknown-field", f"{name} belongs to 'design: looks' only")
    if plan.get("design") == "looks" and document.get("unit") == "block":
        detail = "'design: looks' needs units that are independent; use 'fixed' or 'sequential' with 'unit: block'"
        yield Violation("/plan/design", "invalid-value", detail)


def _some_traffic(document: Document) -> Found:
    if document.get("traffic") == 0:
        yield Violation("/traffic", "invalid-value", "traffic 0 would show the experiment to nobody; use 1 to 10000")


def _no_warning_has_a_reason(document: Document) -> Found:
    ethics = _dict(document.get("ethics"))
    reason = ethics.get("reason")
    if ethics.get("control") == "no warning" and (reason is None or (isinstance(reason, str) and not reason.strip())):
        detail = "'control: no warning' needs a reason: say why somebody may be shown nothing"
        yield Violation("/ethics/reason", "missing-field", detail)
    if ethics.get("control", "active warning") != "no warning" and reason is not None:
        yield Violation("/ethics/reason", "unknown-field", "reason belongs to 'control: no warning' only")


RULES = (
    _weights_sum, _unique_variants, _unique_lists, _one_control, _control_is_shown, _same_locales,
    _reviews_exist, _some_locale_is_served, _same_factors, _unique_outcomes, _channels_only_for_help,
    _repeat_trigger_needs_sessions, _block_hours, _leader_share, _drop_losers, _looks,
    _some_traffic, _no_warning_has_a_reason,
)  # fmt: skip


def _help_is_known(document: Document, help_resources: Collection[str]) -> Found:
    for i, key in _list(document.get("help"), str):
        if key not in help_resources:
            known = ", ".join(sorted(help_resources))
            yield Violation(
                pointer(["help", i]), "unknown-help-resource", f"no help resource '{key}'; there are: {known}"
            )
