"""From a result's dict to the technical view: tables of texts, so that 132 comparisons cost little to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import ngettext

from app.language import day, moment
from app.review.formatting import ABSENT, figure, odds, power, span
from app.review.presenting import label
from app.staff.wording import STATES

Result = Mapping[str, Any]
PER = 10_000


class Table(NamedTuple):
    """A table of texts; the first cell of a row names it."""

    title: str
    about: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(result: Result) -> dict[str, Any]:
    """The tables in their order, without those that are empty; what is absent, and why."""
    every = (*_planned(result), *_compared(result), *_parts(result), *_supporting(result), *_counted(result))
    missing = [reason for reason in result["reasons"] if reason["code"] != "not-computed"]
    return {"tables": [table for table in every if table.rows], "missing": missing, "states": STATES}


def _planned(result: Result) -> Iterator[Table]:
    yield Table(_("Plan against reality"), "", (_("what"), _("planned"), _("so far")), _against_reality(result))
    looks = [
        (str(look["number"]), figure(look["information"]), figure(look["bound"], 4), look["period"] or _("to come"),
         ", ".join(look["eliminated"]) or ABSENT)
        for look in result["looks"]
    ]  # fmt: skip
    yield Table(_("Planned looks"), "", (_("look"), _("share of size"), _("bound (z)"), _("taken"), _("out")), looks)
    phases = [
        (str(phase["number"]), moment(phase["started"]), moment(phase["ended"]) if phase["ended"] else ABSENT,
         f"{phase['traffic']:.2%}", ", ".join(f"{key} {share:.2%}" for key, share in phase["shares"].items()))
        for phase in result["phases"]
    ]  # fmt: skip
    head = (_("phase"), _("from"), _("until"), _("traffic"), _("shares of new units"))
    yield Table(_("Phases"), _("Shares and open messages are constant within a phase."), head, phases)


def _against_reality(result: Result) -> list[tuple[str, ...]]:
    plan, arms = result["plan"], result["arms"]
    control = next((arm for arm in arms if arm["variant"] == result["control"]), None)
    units = [arm["units"] for arm in arms]
    pairs = {pair["a"]: pair["ratio"] for pair in result["pairs"] if pair["b"] == result["control"]}
    ratios = ", ".join(f"{a} {figure(ratio)}" for a, ratio in pairs.items())
    effect = plan["minimum_effect"]
    span_of_units = f"{min(units):,} … {max(units):,}".replace(",", "\u202f") if units else ABSENT
    return [
        (_("Units per variant"), figure_of_count(plan["units_per_variant"]), span_of_units),
        (_("Rate of the control, per 10 000"), figure(PER * plan["expected_rate"], 4),
         figure(control["rate_per_10000"], 4) if control else ABSENT),
        (_("Ratio to the control"), ", ".join(f"{name} {value}" for name, value in effect.items() if value) or ABSENT,
         ratios or ABSENT),
        (_("Design"), f"{plan['design']}, alpha {plan['alpha']:g}, power {plan['power']:g}", result["design"]),
        (_("Allocation"), str(plan["allocation"]), ngettext("%(num)s phase", "%(num)s phases", len(result["phases"]))),
        (_("Start"), ABSENT, moment(result["started"]) if result["started"] else _("not yet")),
        (_("Stop"), day(result["expected"]["planned_size"]) if _foreseen(result) else ABSENT,
         moment(result["stopped"]) if result["stopped"] else _("not yet")),
        (_("Window, hours"), str(result["window_hours"]), str(result["window_hours"])),
        (_("Looks by people"), ABSENT, str(len(result["looked"]))),
        (_("Deviations"), "0", str(len(result["deviations"]))),
    ]  # fmt: skip


def _foreseen(result: Result) -> bool:
    return bool(result["expected"] and result["expected"]["planned_size"])


def figure_of_count(value: int | None) -> str:
    """A whole number, exactly."""
    return ABSENT if value is None else f"{value:,}".replace(",", "\u202f")


def _compared(result: Result) -> Iterator[Table]:
    found, evidence = result["global"], result["evidence"]
    yield Table(
        _("That all messages are equal"),
        _("The mean of the two e-values is the gate: nobody wins before it has reached 1/alpha."),
        (_("e-value of pairs"), _("e-value of labels"), _("gate now"), _("gate reached"), "χ²", "df", "p"),
        [(figure(found["e_value"]), figure(found["e_dirichlet"]), power(evidence["log10_e"]) if evidence else ABSENT,
          _yes(found["decisive"]), figure(found["chi2"], 4), _text(found["df"]), odds(found["p_value"]))],
    )  # fmt: skip
    yield Table(
        _("Messages"), _("Rates per 10 000. The Bayesian columns are for communication and never a rule."),
        (_("message"), _("assigned"), _("shown"), _("conversions"), _("rate"), "Wilson", _("exact"), _("sequence"),
         _("shrunken"), _("P(best)"), _("expected loss")),
        [_arm(arm) for arm in result["arms"]],
    )  # fmt: skip
    yield Table(
        _("Every pair"), _("a over b, primary outcome. Differences per 10 000."),
        (_("a over b"), _("ratio"), _("interval"), _("sequence"), _("e-value"), _("odds ratio"), _("interval"),
         _("difference"), _("Newcombe"), _("score"), "p", _("p (Holm)"), _("p (events)")),
        [_pair(pair) for pair in result["pairs"]],
    )  # fmt: skip
    several = result["multiplicity"]
    yield Table(
        _("Against the control, adjusted for their number"), "",
        (_("message"), "p", "Holm", "Dunnett", "FDR"),
        [(item["a"], *(odds(item[name]) for name in ("p_value", "p_value_adjusted", "p_value_dunnett", "p_value_fdr")))
         for item in several["adjusted"] if item["p_value"] is not None],
    )  # fmt: skip
    yield Table(
        _("With the best of the others (Hsu)"), _("Difference per 10 000."), (_("message"), _("interval")),
        [(item["variant"], span((item["lower"], item["upper"]), scale=PER)) for item in several["best"]
         if item["lower"] is not None],
    )  # fmt: skip


def _arm(arm: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (figure_of_count(arm[name]) for name in ("assigned", "units", "conversions"))
    intervals = (span(arm[name], scale=PER) for name in ("rate_ci", "rate_ci_exact", "rate_cs"))
    shrunken = None if arm["shrunken_rate"] is None else PER * arm["shrunken_rate"]
    rest = (figure(shrunken, 4), figure(arm["probability_best"]), figure(arm["expected_loss_per_10000"]))
    return (arm["variant"], *counts, figure(arm["rate_per_10000"], 4), *intervals, *rest)


def _pair(pair: Mapping[str, Any]) -> tuple[str, ...]:
    difference = None if pair["difference"] is None else PER * pair["difference"]
    return (
        f"{pair['a']} / {pair['b']}", figure(pair["ratio"], 4), span(pair["ratio_ci"]), span(pair["ratio_cs"]),
        power(pair["log10_e_value"]), figure(pair["odds_ratio"], 4), span(pair["odds_ratio_ci"]),
        figure(difference, 4), span(pair["difference_ci"], scale=PER), span(pair["difference_ci_score"], scale=PER),
        odds(pair["p_value"]), odds(pair["p_value_adjusted"]), odds(pair["p_value_events"]),
    )  # fmt: skip


def _parts(result: Result) -> Iterator[Table]:
    strata = result["strata"]
    yield Table(
        _("Within strata"), _("Pairs whose direction differs between strata have no pooled winner."),
        (_("a over b"), _("ratio (MH)"), _("odds ratio (MH)"), _("interval"), "CMH χ²", "p", "Breslow–Day", "p",
         _("conflict")),
        [(f"{item['a']} / {item['b']}", figure(item["mh_ratio"], 4), figure(item["mh_odds_ratio"], 4),
          span(item["mh_odds_ratio_ci"]), figure(item["cmh_chi2"], 4), odds(item["cmh_p_value"]),
          figure(item["breslow_day_chi2"], 4), odds(item["breslow_day_p_value"]), _yes(item["direction_conflict"]))
         for item in strata["pairs"]],
    )  # fmt: skip
    yield Table(
        _("By stratum"), "", (_("stratum"), _("message"), _("shown"), _("conversions"), _("per 10 000")),
        [(item["stratum"], item["variant"], figure_of_count(item["units"]), figure_of_count(item["conversions"]),
          ABSENT if item["rate"] is None else figure(PER * item["rate"], 4)) for item in strata["arms"]],
    )  # fmt: skip
    yield Table(
        _("Factors"), "", (_("factor"), _("level over reference"), _("ratio"), _("interval"), "p", _("messages")),
        [(factor["name"], f"{item['level']} / {item['reference']}", figure(item["ratio"], 4), span(item["ratio_ci"]),
          odds(item["p_value"]), ", ".join(item["variants"]) or ABSENT)
         for factor in result["factors"] for item in factor["effects"]],
    )  # fmt: skip
    yield Table(
        _("Interactions"), "", (_("factors"), "χ²", "df", "p"),
        [(" × ".join(item["factors"]), figure(item["chi2"], 4), _text(item["df"]), odds(item["p_value"]))
         for factor in result["factors"] for item in factor["interactions"]],
    )  # fmt: skip
    blocks = result["blocks"]
    yield Table(
        _("Time blocks"), "", (_("blocks by message"), "p", _("e-value"), _("design effect")),
        [(", ".join(map(str, blocks["blocks"])), odds(blocks["p_value"]), figure(blocks["e_value"]),
          figure(blocks["design_effect"]))] if blocks else [],
    )  # fmt: skip


def _supporting(result: Result) -> Iterator[Table]:
    yield Table(
        _("Other outcomes against the control"), "",
        (_("outcome"), _("message"), _("ratio"), _("interval"), _("sequence"), _("e-value"), "p"),
        [(label(result, item["name"]), pair["a"], figure(pair["ratio"], 4), span(pair["ratio_ci"]),
          span(pair["ratio_cs"]), power(pair["log10_e_value"]), odds(pair["p_value"]))
         for item in (*result["outcomes"], *result["guardrails"]) for pair in item["pairs"]
         if pair["b"] == result["control"]],
    )  # fmt: skip
    yield Table(
        _("Guardrails"), "",
        (_("outcome"), _("message"), _("e-value of harm"), _("harmed"), _("margin"), _("e-value within margin"),
         _("within margin")),
        [(label(result, rail["name"]), item["variant"], figure(item["e_value"]), _harm(item),
          figure(rail["margin_ratio"]), figure(item["e_non_inferior"]), _yes(item["non_inferior"]))
         for rail in result["guardrails"] for item in rail["safety"]],
    )  # fmt: skip
    yield Table(
        _("Claims in families"), "", (_("outcome"), _("message"), _("e-value"), _("closed"), _("made")),
        [(label(result, item["outcome"]), item["variant"], figure(item["e_value"]), figure(item["e_closed"]),
          _yes(item["made"])) for item in result["claims"]],
    )  # fmt: skip


def _counted(result: Result) -> Iterator[Table]:
    srm = result["srm"]
    checks = [(_("assignments"), srm["assignments"]), (_("exposures"), srm["exposures"])]
    checks += [(item["surface"], item) for item in srm["surfaces"]]
    yield Table(
        _("The split"), _("An e-value of 100, ever, is an alarm."), (_("of"), _("e-value"), "χ²", "df", "p"),
        [(name, figure(item["e_value"]), figure(item["chi2"], 4), _text(item["df"]), odds(item["p_value"]))
         for name, item in checks],
    )  # fmt: skip
    apart_by = (
        ("locales", _("Assigned, by locale"), _("locale")),
        ("times_shown", _("Shown a first, second, third time"), _("time")),
    )
    for name, title, head in apart_by:
        rows = [(item["variant"], item["name"], figure_of_count(item["units"])) for item in result[name]]
        yield Table(title, "", (_("message"), head, _("units")), rows)
    apart = [(name, figure_of_count(units)) for name, units in result["apart"].items()]
    yield Table(_("Counted apart, in no message"), "", (_("what"), _("times")), apart)


def _harm(item: Mapping[str, Any]) -> str:
    told = _yes(item["harmed"])
    return f"{told} ({item['basis']})" if item["harmed"] else told


def _yes(value: bool | None) -> str:  # noqa: FBT001
    return ABSENT if value is None else _("yes") if value else _("no")


def _text(value: object) -> str:
    return ABSENT if value is None else str(value)
