"""`signpost export`: what goes out of the house as files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from app.commands.common import JSON, echo_json, now, opened
from app.static_pack import LONGEST_DAYS, pack, write


@click.group()
def command() -> None:
    """Write files that stand for themselves."""


@command.command("static-pack")
@click.argument("surface")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new folder, or an older pack's."
)
@click.option("--days", type=int, default=LONGEST_DAYS, show_default=True, help="For how long it is good.")
@JSON
def static_pack(surface: str, out: Path, days: int, as_json: bool) -> None:
    """Write the fallback of SURFACE as pages that a web server hands out alone, without any call to Signpost."""
    with opened() as runtime:
        told, files = pack(runtime, surface, now(), days)
        running = runtime.catalogue.snapshot.on_surface.get(surface)
        own = surface in runtime.fallbacks.surfaces or surface in runtime.catalogue.snapshot.adopted
    write(files, out, surface)
    if as_json:
        echo_json({"path": str(out), **asdict(told), "files": sorted(files)})
        return
    click.echo(f"{out}: {len(files)} files, languages {', '.join(told.locales)}; renew before {told.expires}.")
    if not own:
        click.echo(f"  Surface '{surface}' has no text of its own: this is the default for all surfaces.")
    if running is not None:
        click.echo(f"  Experiment '{running.experiment}' runs there; these pages take no part, and show the fallback.")
