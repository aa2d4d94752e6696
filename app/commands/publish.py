"""`signpost publish`: the publication pack of an experiment, as a folder or a zip."""

from __future__ import annotations

import os
import time
from getpass import getuser
from pathlib import Path

import click

from app.commands.common import JSON, echo_json, opened
from experiments import audit
from experiments.moments import moment
from experiments.publication.release import Release, release


@click.command()
@click.argument("key")
@click.option("--version", type=int, default=None, help="The latest started version by default.")
@click.option("--to", "target", default=None, metavar="PATH", help="A new folder, or a file that ends in .zip.")
@click.option("--as", "name", default=None, metavar="NAME", help="Who publishes; kept in the audit log.")
@click.option("--as-of", "as_of", default=None, metavar="TIME", help="Simulated versions only: RFC 3339, +SECONDS.")
@JSON
def command(
    key: str, version: int | None, target: str | None, name: str | None, as_of: str | None, as_json: bool
) -> None:
    """Write the publication pack of experiment KEY: report, counts, protocol, and a script that checks them."""
    from app.publishing import pack, to_folder, to_zip  # noqa: PLC0415  (with the drawing of charts)

    now = time.time()
    with opened() as runtime:
        moved = moment(as_of, now) if as_of else None
        found = release(runtime.store, key, now=now, number=version, as_of=moved)
        folder = f"{key}-v{found.version.number}"
        path = Path(target or folder)
        files = pack(found)
        to_zip(files, path, folder) if path.suffix == ".zip" else to_folder(files, path)
        details = {"version": found.version.number}
        audit.append(runtime.store, name or _user(), "publish", f"experiment/{key}", details, int(now))
    if as_json:
        echo_json({"experiment": key, "version": found.version.number, "path": str(path), "files": sorted(files)})
    else:
        _tell(found, path, len(files))


def _tell(found: Release, path: Path, files: int) -> None:
    click.echo(f"{path}: {files} files. Checked: every figure follows from counts.csv.")
    for one in found.table.left_out:
        click.echo(f"  left out: {one.what} {one.name.removeprefix('o:')}: {one.why}")
    if found.differences:
        click.echo(
            f"  {len(found.differences)} figures differ from the internal report; report.html says which and why"
        )
    script = "unzip it, then: python recompute.py" if path.suffix == ".zip" else f"python {path / 'recompute.py'}"
    click.echo(f"  to check it anywhere: {script}")


def _user() -> str:
    """Who is logged in, for the audit log."""
    try:
        return f"{getuser()} (command line)"
    except (KeyError, OSError):
        return f"user {os.getuid()} (command line)"
