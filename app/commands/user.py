"""`signpost user`: who may sign in to the pages of staff."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from app.commands.common import JSON, echo_json, now, opened
from app.settings import Settings
from experiments import accounts, passwords, signing_in
from experiments.accounts import LINK_HOURS, Account
from experiments.lifecycle import Actor
from experiments.roles import ROLES

AS = click.option("--as", "by", default="command line", metavar="NAME", help="Who acts; kept in the audit log.")
ROLE = click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="A role; may be repeated.")
EXPERIMENT = click.option("--experiment", "experiments", multiple=True, help="Sees only this one; may be repeated.")
PARTNER = click.option("--partner", "partners", multiple=True, help="Sees only this partner's; may be repeated.")
HOURS = click.option("--hours", default=LINK_HOURS, type=click.IntRange(1, 720), help="How long the link lasts.")


@click.group()
def command() -> None:
    """Create, list and change the accounts of staff."""


@command.command()
@click.argument("name")
@ROLE
@EXPERIMENT
@PARTNER
@click.option("--email", default=None, help="Address at the provider of single sign-on.")
@click.option("--subject", default=None, help="Identity at that provider: '<issuer> <subject>'.")
@click.option("--password", is_flag=True, help="Ask for a password, instead of making a one-time link.")
@HOURS
@AS
@JSON
def create(
    name: str, roles: tuple[str, ...], experiments: tuple[str, ...], partners: tuple[str, ...], email: str | None,
    subject: str | None, password: bool, hours: int, by: str, as_json: bool,
) -> None:  # fmt: skip
    """Create an account, and print the one-time link that its owner begins with."""
    chosen = _asked(name, email) if password else None
    with opened() as runtime:
        store, actor = runtime.store, Actor(by, now())
        seen, owners = _some(experiments, partners)
        account = accounts.create(
            store, name, roles, actor, email=email, subject=subject, experiments=seen, partners=owners
        )
        if chosen is not None:
            accounts.set_password(store, account, chosen, actor)
            click.echo(f"{account.name}: created; sign in at {_base()}/sign-in")
            return
        _tell_link(accounts.new_link(store, account, actor, hours), hours, as_json=as_json)


@command.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List accounts, without secrets."""
    with opened() as runtime:
        found = [_told(account) for account in accounts.everyone(runtime.store)]
    if as_json:
        echo_json(found)
        return
    for one in found:
        state = "disabled" if one["disabled"] else "valid"
        click.echo(f"{one['name']:24}  {state:8}  {', '.join(one['roles'])}  sees {one['sees']}")


@command.command("roles")
@click.argument("name")
@ROLE
@EXPERIMENT
@PARTNER
@AS
def roles_(name: str, roles: tuple[str, ...], experiments: tuple[str, ...], partners: tuple[str, ...], by: str) -> None:
    """Give an account these roles and this sight, in place of those that it has."""
    with opened() as runtime:
        account, (seen, owners) = accounts.by_name(runtime.store, name), _some(experiments, partners)
        after = accounts.change(
            runtime.store, account, roles, Actor(by, now()), email=account.email, subject=account.subject,
            experiments=seen, partners=owners,
        )  # fmt: skip
        told = _told(after)
        click.echo(f"{told['name']}: {', '.join(told['roles'])}; sees {told['sees']}")


@command.command()
@click.argument("name")
@AS
def disable(name: str, by: str) -> None:
    """Let somebody sign in no more; ends their sessions at once."""
    with opened() as runtime:
        account = accounts.disable(runtime.store, accounts.by_name(runtime.store, name), Actor(by, now()))
        click.echo(f"{account.name}: disabled and signed out")


@command.command()
@click.argument("name")
@AS
def enable(name: str, by: str) -> None:
    """Let somebody sign in again."""
    with opened() as runtime:
        account = accounts.enable(runtime.store, accounts.by_name(runtime.store, name), Actor(by, now()))
        click.echo(f"{account.name}: may sign in again")


@command.command()
@click.argument("name")
@HOURS
@AS
@JSON
def link(name: str, hours: int, by: str, as_json: bool) -> None:
    """Print a link that signs somebody in once; an older one works no more."""
    with opened() as runtime:
        token = accounts.new_link(runtime.store, accounts.by_name(runtime.store, name), Actor(by, now()), hours)
    _tell_link(token, hours, as_json=as_json)


@command.command()
@click.argument("name")
def token(name: str) -> None:
    """Print a token for programs of somebody's: a session, sent as 'Authorization: Bearer …'."""
    settings = Settings.read()
    limits = signing_in.Limits(settings.session_idle, settings.session_most)
    with opened() as runtime:
        account = accounts.by_name(runtime.store, name)
        click.echo(signing_in.open_session(runtime.store, account, "command line", now(), limits))
    click.echo(f"It lasts {limits.most // 3600} hours, or {limits.idle // 60} minutes without use.", err=True)


@command.command("sessions")
@click.argument("name")
@click.option("--end", is_flag=True, help="Sign them out everywhere.")
@JSON
def sessions_(name: str, end: bool, as_json: bool) -> None:
    """List where somebody is signed in, or end it."""
    with opened() as runtime:
        account = accounts.by_name(runtime.store, name)
        if end:
            runtime.store.sessions.end_all(account.id)
        found = signing_in.sessions(runtime.store, account.id)
    if as_json:
        echo_json([{"opened": one.opened, "last_used": one.seen, "by": one.way} for one in found])
        return
    for one in found:
        click.echo(f"since {_time(one.opened)}, last used {_time(one.seen)}, by {one.way}")
    if not found:
        click.echo(f"{account.name}: signed in nowhere")


def _asked(name: str, email: str | None) -> str:
    """A password, typed twice where nobody sees it, refused before anything is made."""
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    passwords.require_good(text, name, email or "")
    return text


def _some(experiments: Iterable[str], partners: Iterable[str]) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """What somebody sees: all where nothing is named."""
    seen, owners = tuple(experiments), tuple(partners)
    return (seen, owners) if seen or owners else (None, None)


def _told(account: Account) -> dict[str, Any]:
    some = [*(account.experiments or ()), *(f"partner {name}" for name in account.partners or ())]
    return {
        "id": account.id, "name": account.name, "roles": list(account.roles), "email": account.email,
        "subject": account.subject, "sees": (", ".join(some) or "nothing") if account.is_restricted else "all",
        "has_password": account.password is not None, "disabled": account.disabled, "created": account.created,
    }  # fmt: skip


def _tell_link(token: str, hours: int, *, as_json: bool) -> None:
    url = f"{_base()}/sign-in/link/{token}"
    if as_json:
        echo_json({"link": url, "hours": hours})
        return
    click.echo(url)
    click.echo(f"It signs in once, within {hours} hours, and is shown only here.", err=True)


def _base() -> str:
    """Where the pages are served, as far as this machine's settings say."""
    settings = Settings.read()
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
