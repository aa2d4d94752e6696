"""What views reach for: the process's runtime, its settings, the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, request

from app.settings import Settings
from experiments.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Context:
    """Kept in `app.extensions["signpost"]`; `clock` returns unix seconds."""

    runtime: Runtime
    settings: Settings
    clock: Callable[[], float]

    @property
    def now(self) -> int:
        return int(self.clock())

    @property
    def base(self) -> tuple[str | None, ...]:
        """What `base_url` is made of: as good to compare, and made faster."""
        own = self.settings.public_url
        if own:
            return (own,)
        environ = request.environ
        return environ["wsgi.url_scheme"], environ.get("HTTP_HOST")

    @property
    def base_url(self) -> str:
        """Address that links start with, without a slash at the end."""
        return self.settings.public_url or request.host_url.rstrip("/")


def context() -> Context:
    """Return the running application's context."""
    found: Context = current_app.extensions["signpost"]
    return found
