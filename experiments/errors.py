"""Everything that can go wrong in the domain, as one tree.

SignpostError
├── InvalidInput            a field is wrong: names it and what would be right
│   └── InvalidDefinition   an experiment document is wrong: every violation at once
├── NotFound                no such experiment, version, resource
├── Refused                 a well-formed wish that the rules forbid now
│   ├── SurfaceTaken        another experiment runs on the surface
│   └── Stale               somebody else changed it in the meantime
├── TokenError              tampered, foreign or expired token
├── AccessError             unknown or revoked key, missing scope, foreign origin
├── OutcomeRefused          no exposure, window closed, day sealed
├── StoreUnavailable        the ledger or the volatile store does not answer
└── UnsafeStore             a store whose settings break what we promise

`code` is the problem type's slug (see `app/problems.py`), `pointer` the JSON pointer of the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class SignpostError(Exception):
    """A problem with a stable code, the pointer of the field it is about, and one sentence."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.code = code or type(self).code


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a document.

    `pointer` is an RFC 6901 JSON pointer, `code` a problem type, `detail` says what would be right.
    """

    pointer: str
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.detail}"


class InvalidInput(SignpostError):  # noqa: N818  (names say what happened, not that it is an error)
    """A field is missing, unknown, of a wrong type or out of range."""

    code = "invalid-value"


class InvalidDefinition(InvalidInput):
    """A document that breaks rules; carries all of them, in the order of the document's rules."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        first = violations[0]
        super().__init__(first.detail, code=first.code, pointer=first.pointer)
        self.violations = violations


class NotFound(SignpostError):  # noqa: N818
    """There is no such thing."""

    code = "not-found"


class Refused(SignpostError):  # noqa: N818
    """The rules of the life cycle forbid this now."""

    code = "transition-refused"


class SurfaceTaken(Refused):
    """A surface shows at most one running experiment."""

    code = "surface-taken"


class Stale(Refused):
    """The experiment was changed by somebody else since it was read; `found` is what is there now, if that is known."""

    code = "stale-revision"

    def __init__(self, detail: str, *, found: Any = None) -> None:
        super().__init__(detail)
        self.found = found


class TokenError(SignpostError):
    """A token that is not ours (`token-invalid`), another partner's (`token-foreign`) or too old (`token-expired`)."""

    code = "token-invalid"


class AccessError(SignpostError):
    """The caller may not do this: `key-unknown`, `key-revoked`, `key-missing`, `scope-missing`, `origin-refused`."""

    code = "key-unknown"


class OutcomeRefused(SignpostError):  # noqa: N818
    """An outcome that cannot be counted: `no-exposure`, `window-closed`, `late`."""

    code = "no-exposure"


class StoreUnavailable(SignpostError):  # noqa: N818
    """A store did not answer in time."""

    code = "store-unavailable"


class UnsafeStore(SignpostError):  # noqa: N818
    """A store is configured so that counts could be lost or evicted."""

    code = "store-unsafe"
