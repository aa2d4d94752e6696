"""Every setting, endpoint, command, option and problem type is named in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from flask import Flask

from app import create_app
from app.cli import COMMANDS, signpost
from app.problems import KINDS
from app.public.metrics import REGISTRY
from app.settings import SETTINGS, Settings
from experiments.spec import json_schema
from experiments.store import Store

DOCS = Path(__file__).parents[2] / "docs"
NOWHERE = "unix:///nowhere"


def doc(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def table(text: str, first: str) -> dict[str, list[str]]:
    """Rows of the table whose first column's heading is `first`, by that column, without backquotes."""
    rows = re.split(rf"^\| {first} \|.*\n", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    return {row[0]: row[1:] for row in cells}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The whole application, without stores."""
    settings = Settings.read({"SIGNPOST_VAR": str(tmp_path_factory.mktemp("var"))})
    return create_app(settings, store=Store.open(NOWHERE, NOWHERE))


def test_every_setting_with_its_default():
    told = table(doc("operations.md"), "setting")
    assert told.keys() == {setting.name for setting in SETTINGS.values()}
    for setting in SETTINGS.values():
        assert told[setting.name][0] == (setting.default or "empty"), setting.name


def test_every_endpoint(app):
    text = re.sub(r"<[\w:]+>", "<>", doc("http-api.md"))
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "links.cut_off":
            continue  # what is left of a help link
        path = re.sub(r"<[\w:]+>", "<>", rule.rule)
        assert re.search(rf"(?<![\w>]){re.escape(path)}(?![\w/<-])", text), (
            f"docs/http-api.md does not name {rule.rule}"
        )


def test_every_problem_type_with_its_status():
    told = table(doc("http-api.md"), "type")
    assert told.keys() == KINDS.keys()
    assert {code: int(row[0]) for code, row in told.items()} == {code: kind.status for code, kind in KINDS.items()}
    assert {code: row[2].replace("`", "") for code, row in told.items()} == {
        code: kind.advice.replace("`", "") for code, kind in KINDS.items()
    }


def commands() -> dict[str, click.Command]:
    """Commands and subcommands by what is typed."""
    found: dict[str, click.Command] = {}
    context = click.Context(signpost)
    for name in COMMANDS:
        command = signpost.get_command(context, name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {sub}": one for sub, one in inner.items()} or {name: command}
    return found


def test_every_command():
    text = doc("command-line.md")
    assert all(f"`{name}" in text or f"`signpost {name}" in text for name in commands())


def section(text: str, name: str) -> str:
    """Everything that is said of a command: its section, or its row and what stands below the table."""
    own = re.search(rf"^## `signpost {re.escape(name)}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    row = re.search(rf"^\|[^|]*`{re.escape(name)}\b[^|]*`.*$", text, re.MULTILINE)
    return (own or row)[0] if own or row else ""


def test_every_option_of_every_command():
    text = doc("command-line.md")
    missing = [
        f"{name} {option}"
        for name, command in commands().items()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--") and option != "--help" and option not in section(text, name)
    ]
    assert missing == []


def test_every_field_of_the_experiment_file():
    schema, text = json_schema(), doc("experiment-file.md")
    named = {field for part in (schema, *schema["$defs"].values()) for field in part.get("properties", {})}
    assert {"surfaces", "margin", "window_hours"} < named
    assert {field for field in named if not re.search(rf"\b{field}\b", text)} == set()


def test_every_metric():
    names = {metric.name for metric in REGISTRY.collect()}
    assert len(names) >= 5
    assert {name for name in names if name not in doc("http-api.md")} == set()


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{path.relative_to(DOCS)}: {target}"
        for path in DOCS.rglob("*.md")
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []
