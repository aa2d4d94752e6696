"""The `signpost` command. Output for people, `--json` for machines; exit 0 done, 1 a finding, 2 bad input.

Commands are imported when they are called, so that serving loads no statistics.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

from experiments.errors import InvalidDefinition, SignpostError, StoreUnavailable

COMMANDS = {
    "analyse": "Analyse a count table (CSV) without a server.",
    "audit": "Show who did what, and find what was changed in the log of it.",
    "demo": "Play 21 simulated days, then serve the result.",
    "doctor": "Check servers, settings, disks, clocks, keys and the spool; say what to do.",
    "experiment": "Validate, apply, show experiments; move them through their life.",
    "export": "Write a surface's warning as files that need no server of ours.",
    "integrate": "Try a live integration out, and say what is missing.",
    "key": "Create, list and revoke integrators' keys.",
    "lint": "Check the wording of an experiment file.",
    "plan": "Plan the size of an experiment, and how long it takes.",
    "publish": "Write the publication pack: report, counts, protocol, and a script that checks them.",
    "replay": "Play a published trial's counts through the HTTP API.",
    "results": "Show an experiment's result.",
    "serve": "Serve over HTTP.",
    "simulate": "Play an experiment file many times, and tell what its plan can do.",
    "tick": "Close variants that are ruled out, where the plan drops losers.",
    "user": "Create, list and change the accounts of staff.",
}


class _Lazy(click.Group):
    """Finds a command's module by the command's name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"app.commands.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.command(cls=_Lazy)
@click.version_option(package_name="signpost")
def signpost() -> None:
    """Find out which warning message makes people stop and seek help."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command; every expected failure is one line that names the field."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code: Any = signpost.main(arguments, standalone_mode=False)
    except click.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except SignpostError as error:
        for line in lines(error):
            click.echo(f"signpost: {line}", err=True)
        code = 1 if isinstance(error, StoreUnavailable) else 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _terminate(*_: Any) -> None:
    """Let a polite kill end a command as Ctrl-C does, with its private servers; only the first one counts."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def lines(error: SignpostError) -> list[str]:
    """One line per violation."""
    if isinstance(error, InvalidDefinition):
        return [str(violation) for violation in error.violations]
    return [f"{error.pointer}: {error.detail}" if error.pointer else error.detail]
