"""`signpost replay`: a published trial's counts, played as that many anonymous sessions through the HTTP API."""

from __future__ import annotations

import csv
import io
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import click
from click.termui import progressbar

from app.commands.common import JSON, echo_json, now, opened, read_text
from experiments.errors import InvalidInput, NotFound, StoreUnavailable
from experiments.reading import load_yaml
from experiments.results import result

SEALED = 10 * 86_400  # as of ten days later every day of the replay is sealed


@dataclass
class Arm:
    """What an arm still needs: units to expose, conversions to report."""

    units: int
    conversions: int


@click.command()
@click.argument("file")
@click.option("--to", "url", required=True, metavar="URL", help="Where Signpost is served.")
@click.option("--key", required=True, envvar="SIGNPOST_KEY", help="A server key for the surface (or SIGNPOST_KEY).")
@click.option(
    "--token",
    default=None,
    envvar="SIGNPOST_TOKEN",
    help="A person's, by `signpost user token`, to read the result there; without it, it is read from the stores here.",
)
@click.option("--surface", default=None, help="The surface; by default replay-<name of the file>.")
@click.option("--outcome", default=None, help="The outcome; by default what FILE's .source.yml says.")
@JSON
def command(
    file: str, url: str, key: str, token: str | None, surface: str | None, outcome: str | None, as_json: bool
) -> None:
    """Play FILE (columns variant,units,conversions) and show the report beside the published figures.

    The experiment with the same variants must be running on the surface, and empty.
    """
    source = _source(file)
    client = Client(url.rstrip("/"), key, token)
    where = surface or f"replay-{Path(file).stem}"
    arms = _arms(read_text(file))
    experiment = _play(client, where, arms, outcome or source.get("outcome") or "help_sought")
    report = client.results(experiment)
    if as_json:
        echo_json({"report": report, "published": source.get("published", [])})
        return
    _show(report, source)


def _arms(text: str) -> dict[str, Arm]:
    rows = list(csv.DictReader(io.StringIO(text)))
    try:
        found = {row["variant"]: Arm(int(row["units"]), int(row["conversions"])) for row in rows}
    except (KeyError, TypeError, ValueError):
        raise InvalidInput("the table needs the columns variant,units,conversions with whole numbers") from None
    for name, arm in found.items():
        if not 0 <= arm.conversions <= arm.units:
            raise InvalidInput(f"variant '{name}': conversions must lie between 0 and units")
    if len(found) != len(rows) or not found:
        raise InvalidInput("the table needs one row per variant")
    return found


def _source(file: str) -> dict[str, Any]:
    path = Path(file).with_suffix(".source.yml")
    return dict(load_yaml(path.read_text(encoding="utf-8"))) if path.exists() else {}


class Client:
    """The few calls that a replay makes."""

    def __init__(self, url: str, key: str, token: str | None = None) -> None:
        self.url = url
        self._staff = {"Authorization": f"Bearer {token}"} if token else None
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(Request(self.url + path, json.dumps(body).encode(), self._headers, method="POST"))  # noqa: S310

    def results(self, experiment: str) -> dict[str, Any]:
        """The report as it will be once every day is sealed."""
        if self._staff is None:
            return _held_here(experiment)
        path = f"/v1/experiments/{experiment}/results?as_of=%2B{SEALED}"
        return self._call(Request(self.url + path, headers=self._staff))  # noqa: S310

    def _call(self, request: Request) -> dict[str, Any]:
        if not self.url.startswith(("http://", "https://")):
            raise InvalidInput("--to needs an http:// or https:// address")
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                return dict(json.load(answer))
        except HTTPError as error:
            with error:
                told = json.load(error) if "json" in (error.headers.get("Content-Type") or "") else {}
            raise InvalidInput(f"{request.selector}: {error.code} {told.get('detail', error.reason)}") from None
        except (URLError, TimeoutError) as error:
            raise StoreUnavailable(f"{self.url} does not answer: {error}") from None


def _held_here(experiment: str) -> dict[str, Any]:
    """The result from the stores that this machine's settings name: those of the service, where it runs here."""
    try:
        with opened() as runtime:
            return result(runtime.store, experiment, now=now() + SEALED).to_dict()
    except NotFound:
        raise InvalidInput(
            f"the stores here have no experiment '{experiment}'; give --token (see `signpost user token`) to read its "
            "result where it is served"
        ) from None


def _play(client: Client, surface: str, arms: dict[str, Arm], outcome: str) -> str:
    """Assign sessions until every arm has its published count; only those still needed are exposed."""
    experiment = _empty_experiment(client, surface, arms)
    total = sum(arm.units for arm in arms.values())
    progress: Any = progressbar(length=total, label="sessions", file=sys.stderr)
    with progress as bar:
        while any(arm.units for arm in arms.values()):
            given = client.post("/v1/assignments", {"surface": surface, "session": secrets.token_urlsafe(12)})
            arm = arms.get(given["variant"] or "")
            if arm is not None and arm.units:
                _expose(client, given["token"], arm, outcome)
                bar.update(1)
    return experiment


def _expose(client: Client, token: str, arm: Arm, outcome: str) -> None:
    arm.units -= 1
    client.post("/v1/exposures", {"token": token})
    if arm.conversions:
        arm.conversions -= 1
        channel = {"channel": "click"} if outcome == "help_sought" else {}
        client.post("/v1/outcomes", {"token": token, "outcome": outcome, **channel})


def _empty_experiment(client: Client, surface: str, arms: Mapping[str, Arm]) -> str:
    probe = client.post("/v1/assignments", {"surface": surface, "session": secrets.token_urlsafe(12)})
    if not probe["in_experiment"]:
        raise InvalidInput(f"no experiment takes units on surface '{surface}' ({probe['reason']}); start it first")
    report = client.results(probe["experiment"])
    known = {arm["variant"] for arm in report["arms"]}
    if known != set(arms):
        raise InvalidInput(f"the table has variants {sorted(arms)}, the experiment {sorted(known)}; they must agree")
    if any(arm["units"] for arm in report["arms"]):
        raise InvalidInput(f"experiment '{probe['experiment']}' has exposures already; start a new version first")
    return str(probe["experiment"])


def _show(report: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    for arm in report["arms"]:
        click.echo(f"{arm['variant']:16} {arm['conversions']:6} of {arm['units']:6}")
    for wanted in source.get("published", []):
        pair = next(p for p in report["pairs"] if p["a"] == wanted["a"] and p["b"] == wanted["b"])
        for name, figure in wanted.items():
            if name not in ("a", "b"):
                click.echo(f"{wanted['a']} over {wanted['b']}: {name} {pair[name]:.4f}, published {figure}")
    if "citation" in source:
        click.echo(str(source["citation"]))
