"""`python -m app` is the `signpost` command."""

from __future__ import annotations

from app.cli import main

main()
