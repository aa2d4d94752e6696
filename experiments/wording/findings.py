"""What a rule has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from experiments.wording.rulebook import Severity, rulebook


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: `pointer` is the JSON pointer of the text, `source` where the rule comes from."""

    rule: str
    severity: Severity
    pointer: str
    reason: str
    source: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.severity}: {self.reason} [{self.rule}]"

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def found(
    rule_id: str, at: str, reason: str | None = None, severity: Severity | None = None, *, after: bool = False
) -> Finding:
    """A finding of a rule, with its own reason, another one, or (`after`) another one after its own."""
    rule = rulebook().by_id[rule_id]
    told = f"{rule.reason}; {reason}" if after else reason or rule.reason
    return Finding(rule.id, severity or rule.severity, at, told, rulebook().sources[rule.source])
