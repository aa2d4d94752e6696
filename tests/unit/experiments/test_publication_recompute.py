"""The script that recomputes shares nothing with the statistics, and finds every published figure again."""

from __future__ import annotations

import ast
import copy
import json
import sys
from pathlib import Path
from random import Random

import pytest

from experiments.publication import recompute
from experiments.publication.disclosure import Row
from experiments.publication.figures import figures, plan_document, report_of
from experiments.publication.table import CountTable
from experiments.tables import read_counts
from stats import Outcome, Plan

OUTCOMES = (
    Outcome("primary", "primary"),
    Outcome("contact", "secondary", family="channels"),
    Outcome("nothing", "secondary", family="channels"),
    Outcome("again", "guardrail", better="lower", margin_ratio=1.1),
)
PUBLIC = {"numpy", "scipy", "statsmodels"}


def some_weights(draw, variants, closed):
    """Basis points."""
    parts = [0 if v in closed else draw.choice((1, 2, 3)) for v in variants]
    points = [10_000 * part // sum(parts) for part in parts]
    points[0] += 10_000 - sum(points)
    return dict(zip(variants, map(str, points), strict=True))


def drawn(seed):
    """A table of two to four variants, in which weights change, arms close, and strata may be."""
    draw = Random(seed)
    variants = tuple("abcd"[: draw.choice((2, 3, 4))])
    strata = draw.choice((("",), ("x",), ("", "x"), ("x", "y")))
    truth = {v: draw.choice((0.01, 0.1, 0.3)) * draw.choice((1, 1, 1.5)) for v in variants}
    closed: set[str] = set()
    weights = {0: some_weights(draw, variants, closed)}
    rows = []
    for week in range(draw.randint(1, 5)):
        if week and draw.random() < 0.4:
            closed |= set(draw.sample(variants[1:], draw.choice((0, 0, 1)))) if len(variants) > 2 else set()
            weights[max(weights) + 1] = some_weights(draw, variants, closed)
        phase = max(weights)
        shares = list(map(int, weights[phase].values()))
        for stratum in strata:
            seen = draw.choices(variants, shares, k=draw.choice((300, 2_000)) * len(variants))
            for v in variants:
                n = seen.count(v)
                x = sum(draw.random() < truth[v] for _ in range(n))
                again = sum(draw.random() < 0.2 for _ in range(n))
                measures = {"units": n, "assigned": n, "o:primary": x, "o:contact": x // 2, "o:nothing": 0}
                rows.append(
                    Row(phase, f"2026-W{10 + week}", f"2026-W{10 + week}", v, stratum, measures | {"o:again": again})
                )
    names = tuple(outcome.name for outcome in OUTCOMES)
    return CountTable(variants, names, tuple(rows), weights, (), True, strata != ("",))


def told(seed):
    """The text of counts.csv, and report.json as it is read again."""
    table = drawn(seed)
    draw = Random(seed)
    plan = Plan(
        table.variants, "a", OUTCOMES, design=draw.choice(("sequential", "fixed")), expected_rate=draw.choice((0.05, None)),
        planned_units=draw.choice((100, None, 10**6)), alpha=draw.choice((0.05, 0.1)),
    )  # fmt: skip
    report = {"plan": plan_document(plan), "figures": figures(report_of(plan, table), table)}
    return table.to_csv(), json.loads(json.dumps(report, allow_nan=False))


def every_number(value, at=()):
    """Paths of all numbers."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from every_number(inner, (*at, name))
    elif isinstance(value, int | float):
        yield at


@pytest.mark.parametrize("seed", range(8))
def test_every_figure_is_found_again(seed):
    text, report = told(seed)
    found = recompute.report(recompute.Trial(text, report["plan"]))
    assert recompute.differences(report["figures"], found) == []
    assert recompute.figures(report["figures"]) > 100


@pytest.mark.parametrize("seed", [1, 5])
def test_no_figure_can_be_changed_by_one_in_its_last_digit(seed):
    text, report = told(seed)
    found = recompute.report(recompute.Trial(text, report["plan"]))
    for path in every_number(report["figures"]):
        changed = copy.deepcopy(report["figures"])
        inside = changed
        for name in path[:-1]:
            inside = inside[name]
        value = inside[path[-1]]
        inside[path[-1]] = (
            not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else moved(value)
        )
        assert recompute.differences(changed, found), path


def moved(value: float) -> float:
    """One more in the sixth digit."""
    return float(f"{value * (1 + 1e-5):.6g}") if value else 1e-6


@pytest.mark.parametrize("seed", [1, 5])
def test_no_count_can_be_changed(seed):
    text, report = told(seed)
    header, *rows = text.splitlines()
    at = header.split(",").index("conversions")
    for row in Random(seed).sample(range(len(rows)), 3):
        changed = rows[row].split(",")
        changed[at] = str(int(changed[at]) + 1)
        table = "\n".join([header, *rows[:row], ",".join(changed), *rows[row + 1 :]])
        assert recompute.differences(report["figures"], recompute.report(recompute.Trial(table, report["plan"])))


def test_a_missing_figure_is_a_difference():
    assert recompute.differences({"arms": [{"rate": 0.1}]}, {"arms": [{}]}) != []
    assert recompute.differences({"arms": [{"rate": 0.1}]}, {"arms": []}) != []
    assert recompute.differences({"arms": [{"rate": None}]}, {"arms": [{}]}) == [], "what is not published"


def test_the_script_needs_public_libraries_only():
    tree = ast.parse(Path(recompute.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == PUBLIC


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_analyse_reads_the_published_table(seed):
    """`signpost analyse` takes the same file; what it prints are the same counts and shares."""
    table = drawn(seed)
    plan, counts = read_counts(table.to_csv(), control="a")
    assert plan.variants == table.variants
    assert sum(cell.exposed for cell in counts.sealed) == sum(row.measures["units"] for row in table.rows)
    assert set(counts.shares) == set(table.weights)
