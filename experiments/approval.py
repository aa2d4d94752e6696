"""Approval of texts: by locale, by name and date, by people who did not write them. Pure.

A version may start when the texts of every locale that it serves are approved by as many people as are needed, and no
approval is older than 90 days. Without a warning in the control, two people are needed: somebody who might have been
turned away sees nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.errors import Refused
from experiments.model import DAY, Approval, Version, day_of
from experiments.spec import Definition, content_hash

HOLDS_DAYS = 90
BY_ONE, BY_TWO = 1, 2
_EPOCH = 719_163  # date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the texts of a locale are approved.

    holding  approvals that count, oldest first;   expired  those that would count but are too old
    lacking  how many more people have to approve
    """

    locale: str
    holding: tuple[Approval, ...]
    expired: tuple[Approval, ...]
    lacking: int

    @property
    def until(self) -> int | None:
        """When the first of the holding approvals ends, in unix seconds."""
        return min((ends(approval) for approval in self.holding), default=None)


def texts_hash(definition: Definition, locale: str) -> str:
    """Content hash of all variants' texts in a locale: what an approval is for."""
    return content_hash({v.key: v.messages[locale].model_dump() for v in definition.variants if locale in v.messages})


def needed(definition: Definition) -> int:
    """How many people have to approve."""
    return BY_TWO if without_warning(definition) else BY_ONE


def without_warning(definition: Definition) -> bool:
    """Whether the control shows no warning."""
    return definition.ethics is not None and definition.ethics.control == "no warning"


def authors(version: Version) -> frozenset[str]:
    """Who asked, or wrote last: they cannot approve."""
    return frozenset(filter(None, (version.submitted_by, version.changed_by, version.texts_by)))


def ends(approval: Approval) -> int:
    """When an approval expires, in unix seconds."""
    return approval.at + HOLDS_DAYS * DAY


def standings(version: Version, now: float) -> tuple[Standing, ...]:
    """Return how far each locale that the version serves is approved."""
    return tuple(_standing(version, locale, now) for locale in version.definition.served_locales())


def _standing(version: Version, locale: str, now: float) -> Standing:
    digest, writers = texts_hash(version.definition, locale), authors(version)
    latest: dict[str, Approval] = {}
    for approval in version.approvals:
        if (approval.locale, approval.texts) == (locale, digest) and approval.who not in writers:
            latest[approval.who] = approval
    holding = tuple(a for a in latest.values() if now < ends(a))
    expired = tuple(a for a in latest.values() if now >= ends(a))
    return Standing(locale, holding, expired, max(0, needed(version.definition) - len(holding)))


def complete(version: Version, now: float) -> bool:
    """Whether nothing is lacking."""
    return all(not standing.lacking for standing in standings(version, now))


def missing(version: Version, now: float) -> str | None:
    """What is lacking, in a sentence that names the next step; None: nothing."""
    lacking = [standing for standing in standings(version, now) if standing.lacking]
    if not lacking:
        return None
    parts = [_lacking(standing) for standing in lacking]
    not_by = " and ".join(sorted(authors(version)))
    others = f", but not {not_by}, who asked or wrote them" if not_by else ""
    return f"{'; '.join(parts)}. Next: an approver approves them (`signpost experiment approve`){others}"


def _lacking(standing: Standing) -> str:
    where = f"the texts in '{standing.locale}'"
    if standing.expired:
        who = " and ".join(approval.who for approval in standing.expired)
        return f"the approval of {where} by {who} is older than {HOLDS_DAYS} days"
    if standing.holding:
        who = " and ".join(approval.who for approval in standing.holding)
        return f"{where} are approved by {who}, and need a second person because the control shows no warning"
    return f"{where} are not approved"


def require(version: Version, now: float) -> None:
    """Raise Refused unless every locale that the version serves is approved, with the next step."""
    what = missing(version, now)
    if what is None:
        return
    expired = any(standing.lacking and standing.expired for standing in standings(version, now))
    code = "approval-expired" if expired else "approval-missing"
    raise Refused(f"cannot start: {what}", code=code)


def require_other(version: Version, who: str) -> None:
    """Raise Refused when somebody would approve what they asked for or wrote, with the next step."""
    did = {
        version.changed_by: "changed the file last", version.texts_by: "wrote the texts",
        version.submitted_by: "asked for the approval",
    }  # fmt: skip
    if who in did:
        detail = f"{who} {did[who]}, so somebody else must approve"
        raise Refused(f"{detail}. Next: ask an approver who has not worked on it", code="own-approval")


def require_ethics(definition: Definition, now: int) -> None:
    """Raise Refused when the ethics approval has expired, or a control without warning lacks its reason."""
    ethics = definition.ethics
    if ethics is not None and day_of(now) > ethics.expires.toordinal() - _EPOCH:
        detail = f"the ethics approval {ethics.reference} expired on {ethics.expires}"
        raise Refused(f"{detail}. Next: renew it, and apply the file with the new date", code="ethics-expired")
    if without_warning(definition) and not (ethics and ethics.reason):
        detail = "the control shows no warning, and the file gives no reason. Next: apply it with 'ethics.reason'"
        raise Refused(detail, code="reason-missing")
