"""How alerts leave the house: a signed webhook, and e-mail."""

from __future__ import annotations

from app.alerts.channels import channels

__all__ = ["channels"]
