"""What people may do. Whoever has an account may read what they see; the other roles add to that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["reader", "researcher", "approver", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

# Which of these roles an act takes. To suspend is an emergency brake, so everybody may; see docs/operations.md.
OF_ACTS: Mapping[str, tuple[Role, ...]] = {
    "submit": ("researcher",),
    "reject": ("researcher", "approver"),
    "approve": ("approver",),
    "start": ("researcher", "approver"),
    "set-traffic": ("researcher",),
    "set-weights": ("researcher",),
    "close-arm": ("researcher",),
    "suspend": ROLES,
    "resume": ("approver",),
    "stop": ("researcher", "approver"),
    "conclude": ("researcher", "approver"),
    "archive": ("researcher",),
    "propose": ("researcher", "approver"),
    "withdraw": ("researcher", "approver"),
    "confirm": ("approver",),
    "unadopt": ("approver",),
}
