"""The printable report: values for its template, and the template filled. Nothing is computed in the template."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.charts import Picture
from experiments import sentences
from experiments.directory import direction
from experiments.protocol_markdown import OUTCOMES, STANDINGS
from experiments.publication import consort
from experiments.publication.figures import NOT_PUBLISHED
from experiments.publication.release import Release
from experiments.publication.table import vars_of

THIN = "\u202f"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MOST_DIFFERENCES = 15  # printed; all of them are in report.json
TITLES = {  # of pictures whose points are weeks here, not days
    "ratio_over_time": "Times better than the control, over time",
    "help_over_time": "How many had the outcome so far, over time",
    "evidence_over_time": "Evidence that the messages differ, over time",
}
KINDS = {"counts": "Counts of the variant", "measure": "Counts of", "strata": "Strata"}


@cache
def _environment() -> Environment:
    made = Environment(loader=PackageLoader("app"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters |= {"number": number, "per_10000": per_10000, "ratio": ratio, "figure": figure, "day": day}
    return made


def page(release: Release, charts: Sequence[Picture]) -> str:
    """Return report.html: one file that needs no other."""
    return _environment().get_template("publication/report.html").render(values(release), charts=charts)


def texts(name: str, release: Release) -> str:
    """Return a plain text of the pack."""
    environment = _environment().overlay(autoescape=False)
    return environment.get_template(f"publication/{name}").render(values(release))


def values(release: Release) -> dict[str, Any]:
    """Everything that the templates say."""
    report, result = release.report, release.internal
    return {
        "release": release, "result": result, "report": report, "plan": release.plan, "protocol": release.protocol,
        "standing": STANDINGS[release.protocol.standing], "headline": sentences.headline(report),
        "meaning": sentences.meaning(report), "guarantee": sentences.guarantee(report),
        "titles": TITLES,
        "did": OUTCOMES.get(result.primary_outcome, result.primary_outcome),
        "outcomes": list(_outcomes(release)), "pairs": report["pairs"], "srm": release.figures["srm"],
        "flow": consort.flow(release), "checklist": consort.checklist(release),
        "left_out": [{**vars_of(one), "kind": KINDS[one.what]} for one in release.table.left_out],
        "not_published": NOT_PUBLISHED, "adjusted": report["design"] == "fixed",
        "differences": [
            (named(one.figure), one.published, one.internal) for one in release.differences[:MOST_DIFFERENCES]
        ],
        "why": " ".join(dict.fromkeys(sentence(one.why) for one in release.differences)),
        "more_differences": max(0, len(release.differences) - MOST_DIFFERENCES),
        "messages": list(_messages(release)),
        "deviations": [(dt_day(one.at), one.what, one.why) for one in release.deviations],
        "unplanned": [dt_day(look["at"]) for look in release.looks if not look["planned"]], "looks": len(release.looks),
    }  # fmt: skip


def _outcomes(release: Release) -> Iterator[dict[str, Any]]:
    """Each published outcome: its variants, and each against the control."""
    report, roles = release.report, {one["name"]: one for one in release.plan["outcomes"]}
    told = {one["name"]: one for one in release.protocol.document["outcomes"]}
    sections = [{**report, "name": report["outcome"]}, *report["outcomes"], *report["guardrails"]]
    for section in sections:
        name = section["name"]
        against = {pair["a"]: pair for pair in section["pairs"] if pair["b"] == report["control"]}
        safety = {one["variant"]: one for one in section.get("safety", ())}
        yield {
            "name": name, "role": roles[name]["role"], "better": roles[name]["better"],
            "margin": roles[name]["margin_ratio"],
            "titles": TITLES,
        "did": OUTCOMES.get(told[name]["outcome"], told[name]["outcome"]), "channels": told[name]["channels"],
            "rows": [(arm, against.get(arm["variant"]), safety.get(arm["variant"])) for arm in section["arms"]],
        }  # fmt: skip


def _messages(release: Release) -> Iterator[dict[str, Any]]:
    """The exact texts of the arms, in the languages that were served."""
    for arm in release.protocol.document["arms"]:
        served = {tag: message for tag, message in arm["messages"].items() if message["served"]}
        yield {
            "variant": arm["variant"], "control": arm["control"], "weight": arm["weight"],
            "texts": [
                {"locale": tag, "dir": direction(tag), "title": message["title"], "action": message["action"],
                 "paragraphs": message["body"].split("\n\n"), "sha256": message["sha256"]}
                for tag, message in served.items()
            ],
        }  # fmt: skip


# ---------------------------------------------------------------------------------------------------- how it is written

FIELDS = {
    "p_value": "p", "p_value_adjusted": "p, adjusted", "p_value_fdr": "p, adjusted for false discoveries",
    "e_value": "e-value", "log10_e_value": "e-value, as power of ten", "e_closed": "e-value, closed",
    "e_non_inferior": "e-value, within the margin", "e_dirichlet": "e-value, all at once",
    "decisive": "evidence enough at some time", "rate_per_10000": "rate per 10 000",
    "ratio_ci": "interval of the ratio", "ratio_cs": "interval of the ratio, at all times",
    "rate_ci": "interval of the rate",
}  # fmt: skip
PARTS = (
    ("srm ", "traffic check, "), ("multiplicity adjusted ", "against the control, "), ("global ", "all messages, "),
    ("outcomes ", ""), ("guardrails ", ""), ("arms ", ""), ("pairs ", ""), ("safety ", ""), ("path ", "over time, "),
)  # fmt: skip


def named(path: str) -> str:
    """Say which figure is meant: `pairs help/present p_value` is "help over present: p"."""
    where, _, field = path.rpartition(" ")
    for part, told in PARTS:
        where = f"{where} ".replace(part, told).strip()
    told = FIELDS.get(field, field.replace("_", " "))
    return f"{where.replace('/', ' over ')}: {told}" if where else told


def sentence(text: str) -> str:
    """Make a sentence of a reason."""
    return f"{text[0].upper()}{text[1:]}."


def number(value: float | None) -> str:
    """12 345."""
    return "–" if value is None else f"{value:,.0f}".replace(",", THIN)


def per_10000(rate: float | None) -> str:
    """A rate per 10 000, with one decimal."""
    return "–" if rate is None else f"{10_000 * rate:,.1f}".replace(",", THIN).replace("-", "−")


def ratio(value: float | None) -> str:
    """1.31; without an end: "no limit"."""
    return "no limit" if value is None else f"{value:.2f}" if 0.01 <= value < 1000 else f"{value:.3g}"


def figure(value: Any) -> str:
    """Any figure, with three digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _plainly(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {figure(one)}" for name, one in value.items())
    return " to ".join(map(figure, value)) if isinstance(value, list | tuple) else str(value)


def _plainly(value: float) -> str:
    """Three digits, and no exponent of a computer's: 97 100, 0.000 12, 1.2 × 10⁹."""
    size = abs(value)
    if size == 0 or 1e-4 <= size < 1000:
        return f"{value:.3g}"
    if 1000 <= size < 1e6:
        return number(float(f"{value:.3g}"))
    digits, power = f"{value:.2e}".split("e")
    return f"{digits.rstrip('0').rstrip('.')} × 10{str(int(power)).translate(RAISED)}"


def day(text: str | None) -> str:
    """A day from an RFC 3339 time: 3 October 2026."""
    if not text:
        return "–"
    found = dt.date.fromisoformat(text[:10])
    return f"{found.day} {found:%B} {found.year}"


def dt_day(seconds: int) -> str:
    """A day from unix seconds."""
    return day(dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat())
