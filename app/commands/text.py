"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from experiments import sentences


def finding(report: Mapping[str, Any]) -> int:
    """Exit code of a report: 1 when it found something wrong with the data themselves."""
    return 1 if report["srm"]["alarm"] else 0


def show_report(report: Mapping[str, Any]) -> None:
    """Print the report's sentences, arms and comparisons with the control."""
    click.echo("")
    click.secho(sentences.headline(report), bold=True)
    reason = report["status_reason"]
    click.echo(sentences.meaning(report) + (f" ({reason['detail']})" if reason else ""))
    for told in (sentences.estimate(report), sentences.tipping(report), sentences.outlook(report)):
        if told:
            click.echo(told)
    click.echo("")
    click.echo(f"{'message':20} {'shown':>10} {'had it':>8} {'per 10 000':>11}   interval")
    for arm in report["arms"]:
        click.echo(_arm(arm))
    click.echo("")
    adjusted = {item["a"]: item["p_value_adjusted"] for item in report["multiplicity"]["adjusted"]}
    for pair in report["pairs"]:
        if pair["b"] == report["control"]:
            click.echo(_pair(pair, adjusted.get(pair["a"]), report["design"]))
    alarm = {True: "broken", False: "as planned", None: "not checked"}[report["srm"]["alarm"]]
    click.echo(f"\ntraffic split: {alarm}")
    click.echo(sentences.guarantee(report))


def _arm(arm: Mapping[str, Any]) -> str:
    low, high = arm["rate_ci"] or (None, None)
    interval = "" if low is None or high is None else f"{10_000 * low:.1f} to {10_000 * high:.1f}"
    rate = "" if arm["rate"] is None else f"{arm['rate_per_10000']:.1f}"
    return f"{arm['variant']:20} {arm['units']:>10} {arm['conversions']:>8} {rate:>11}   {interval}"


def _pair(pair: Mapping[str, Any], adjusted: float | None, design: str) -> str:
    text = f"{pair['a']} over {pair['b']}: {sentences.comparison(pair, design)}"
    if design != "fixed" and pair["log10_e_value"] is not None:
        text += f"; chance of so much if it were no better: {sentences.evidence(pair['e_value'])}"
    if pair["odds_ratio"] is not None:
        low, high = pair["odds_ratio_ci"] or (None, None)
        text += f"; odds ratio {pair['odds_ratio']:.2f}"
        text += f" ({low:.2f} to {high:.2f})" if low is not None and high is not None else ""
    if pair["p_value"] is not None and adjusted is not None:
        text += f"; p = {pair['p_value']:.2g}, adjusted (Holm, against the control) {adjusted:.2g}"
    return text
