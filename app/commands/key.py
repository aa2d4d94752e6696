"""`signpost key`: integrators' keys."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from app.commands.common import JSON, echo_json, now, opened
from experiments import desk
from experiments.access import ApiKey
from experiments.errors import InvalidInput
from experiments.identity import Keyring

BY = click.option(
    "--as",
    "name",
    default=desk.COMMAND_LINE,
    show_default=True,
    metavar="NAME",
    help="Who acts; kept in the log.",
)


@click.group()
def command() -> None:
    """Create, list and revoke integrators' keys."""


@command.command()
@click.option("--partner", required=True, help="The organisation that owns the key.")
@click.option("--surface", "surfaces", multiple=True, required=True, help="A surface it is for; may be repeated.")
@click.option("--browser", is_flag=True, help="A public key for browsers, instead of a secret one for servers.")
@click.option("--origin", "origins", multiple=True, help="An origin that may use a browser key; may be repeated.")
@BY
@JSON
def create(
    partner: str, surfaces: tuple[str, ...], browser: bool, origins: tuple[str, ...], name: str, as_json: bool
) -> None:
    """Create a key. A server key's secret is shown this once."""
    kind: Literal["server", "browser"] = "browser" if browser else "server"
    with opened() as runtime:
        key, text = desk.create_key(
            runtime, kind=kind, partner=partner, surfaces=surfaces, origins=origins, now=now(), by=name
        )
        if as_json:
            echo_json({"id": key.id, "kind": kind, "key": text})
            return
        click.echo(text)
        if kind == "server":
            click.echo("Keep it: only its hash is stored, it cannot be shown again.", err=True)


@command.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List keys, without secrets."""
    with opened() as runtime:
        keys = [ApiKey.model_validate_json(text) for text in runtime.store.documents.api_keys().values()]
        if as_json:
            echo_json([key.model_dump(mode="json", exclude={"secret_hash"}) for key in keys])
            return
        for key in keys:
            state = "revoked" if key.revoked else "valid"
            click.echo(f"{key.id}  {key.kind:7}  {state:7}  {key.partner}: {', '.join(key.surfaces)}")


@command.command()
@click.argument("key_id", metavar="ID")
@BY
def revoke(key_id: str, name: str) -> None:
    """Revoke a key."""
    with opened() as runtime:
        desk.revoke_key(runtime, key_id, now(), by=name)
        click.echo(f"{key_id}: revoked")


@command.command("file")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def file_(path: Path) -> None:
    """Make the key file PATH, readable by its owner only. Keep it apart from the ledger and its backups."""
    if path.exists():
        raise InvalidInput(f"{path} exists already; a key file is never written over")
    Keyring.at(path)
    click.echo(f"{path}: made")
