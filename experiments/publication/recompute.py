"""Recompute every published figure from counts.csv alone, and compare it with report.json.

    python recompute.py [FOLDER]        needs Python 3.11, numpy, scipy and statsmodels; nothing else

Says "equal" and ends with 0 when every figure of report.json is what follows from counts.csv, rounded to the six digits
that are printed; else it names the first one that is not, and ends with 1. It shares no code with the program that made
the report: what a library has is taken from it, and the rest is written down here from its definition.

`events` and `units` are arrays of batches (rows of counts.csv with one period and phase, in the order of the file) by
variants; `rho` holds the assignment probabilities. "Log" is the natural logarithm.
"""

# ruff: noqa: T201
from __future__ import annotations

import csv
import json
import sys
from functools import cache
from itertools import combinations, pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
from scipy import integrate, optimize, special, stats
from statsmodels.stats.contingency_tables import StratifiedTable, Table2x2
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

Numbers = Any  # arrays of floats
Figures = dict[str, Any]


# ---------------------------------------------------------------------------------------- the always-valid engine

# Evidence that arm i is better than arm j: of an event that one of the two had, it is arm i's with probability
# rho_i r / (rho_i r + rho_j). Likelihood ratios of r against 1, mixed over log r: 25 cells of a half-normal of 0.3.
CELLS = np.linspace(0, 0.9, 26)
LOG_RATIOS = (CELLS[1:] + CELLS[:-1]) / 2
MASSES = np.diff(stats.norm.cdf(CELLS / 0.3)) / np.diff(stats.norm.cdf(CELLS / 0.3)).sum()


def pair_evidence(events: Numbers, rho: Numbers, better: str) -> Numbers:
    """Log e-values [batch, i, j] that i is better than j, batch 0 being the start."""
    batches, arms = events.shape
    log_e = np.zeros((batches + 1, arms, arms))
    for i, j in permutations(range(arms), 2):
        both = (rho[:, i] > 0) & (rho[:, j] > 0)
        share = np.where(both, rho[:, i] / np.where(both, rho[:, i] + rho[:, j], 1), 0)[:, None]
        mine, all_events = np.where(both, events[:, i], 0), np.where(both, events[:, i] + events[:, j], 0)
        grown = mine[:, None] * LOG_RATIOS - all_events[:, None] * np.log1p(share * np.expm1(LOG_RATIOS))
        log_e[1:, i, j] = special.logsumexp(np.cumsum(grown, axis=0), b=MASSES, axis=1)
    return log_e if better == "higher" else log_e.swapaxes(1, 2)


def wealth_against(log_e: Numbers, events: Numbers, units: Numbers, rho: Numbers, better: str) -> Numbers:
    """Log evidence [batch, j] that some arm beats j: bets on the others, 0.7 of each on the one that leads before."""
    batches, arms = events.shape
    wealth = np.zeros((batches + 1, arms))
    for b in range(batches):
        rate = (events[:b].sum(axis=0) + 1) / (units[:b].sum(axis=0) + 100)
        worth = rate if better == "higher" else -rate
        for j in range(arms):
            others = [i for i in range(arms) if i != j and rho[b, i] > 0]
            leader = max(others, key=lambda i: worth[i], default=None)
            bets = [0.3 / len(others) + 0.7 * (i == leader) for i in others]
            gains = [log_e[b + 1, i, j] - log_e[b, i, j] for i in others]
            wealth[b + 1, j] = wealth[b, j] + (special.logsumexp(gains, b=bets) if others else 0)
    return wealth[1:]


def dirichlet_evidence(counts: Numbers, rho: Numbers, prior: float) -> Numbers:
    """Log evidence [batch] that counts do not fall on the arms by rho: a Dirichlet prior, updated before each batch."""
    seen, expected, log_e, path = np.zeros(rho.shape[1]), np.zeros(rho.shape[1]), 0.0, []
    for row, p in zip(counts, rho, strict=True):
        on = p > 0
        n, q = row[on], p[on]
        tilt = q * (prior * q + seen[on]) / (prior * q + expected[on])
        total = prior + seen[on].sum()
        a = total * tilt / tilt.sum()
        log_e += (special.gammaln(a + n) - special.gammaln(a) - n * np.log(q)).sum()
        log_e -= special.gammaln(total + n.sum()) - special.gammaln(total)
        seen[on] += n
        expected[on] += q * n.sum()
        path.append(log_e)
    return np.array(path)


def ratio_sequence(first: Numbers, second: Numbers, share: Numbers, alpha: float) -> Any:
    """Confidence sequence of a ratio of rates: events of two arms, and the first one's share, of each batch."""
    a = share[0]  # the prior is Beta(58 a, 58 (1 - a)) on the label of the first batch, held against a ratio of 1

    def log_likelihood(t: float) -> float:
        return float((first * t - (first + second) * np.log1p(share * np.expm1(t))).sum())

    def inside(t: float) -> float:
        return log_likelihood(t) + float(58 * a * t - 58 * np.log1p(a * np.expm1(t)))

    top = optimize.minimize_scalar(lambda t: -inside(t), bracket=(-1, 1), tol=1e-12).x
    labels = first + second + np.where(np.arange(len(share)) == 0, 58, 0)
    theta = share * np.exp(top) / (1 + share * np.expm1(top))
    width = 1 / np.sqrt((labels * theta * (1 - theta)).sum())
    area, height = 0.0, inside(top)
    for low, high in pairwise((-60, -15, -5, 0, 5, 15, 60)):
        area += integrate.quad(lambda u: np.exp(inside(top + u * width) - height), low, high, epsabs=1e-13)[0]
    constant = special.betaln(58 * a, 58 * (1 - a)) - 58 * a * np.log(a) - 58 * (1 - a) * np.log1p(-a)
    level = height + np.log(area * width) - constant + np.log(alpha)
    if first.sum() + second.sum() == 0:
        return None
    if not (first.sum() and second.sum()):
        likeliest = -700.0 if second.sum() else 700.0
    else:
        likeliest = optimize.minimize_scalar(lambda t: -log_likelihood(t), bracket=(-1, 1), tol=1e-12).x
    lower = np.exp(crossing(lambda t: log_likelihood(t) - level, likeliest, -width)) if first.sum() else 0.0
    upper = np.exp(crossing(lambda t: log_likelihood(t) - level, likeliest, width)) if second.sum() else None
    return [lower, upper]


def rate_sequence(x: float, n: float, alpha: float, planned: float | None) -> Any:
    """Confidence sequence of one rate: Beta(2, 2/p - 2) at the planned rate p, Jeffreys' prior without one."""
    a, b = (0.5, 0.5) if planned is None else (2.0, 2 / planned - 2)
    level = min(0.0, float(special.betaln(a + x, b + n - x) - special.betaln(a, b))) + np.log(alpha)

    def excess(t: float) -> float:
        return float(x * special.log_expit(t) + (n - x) * special.log_expit(-t) - level)

    start = special.logit(x / n) if 0 < x < n else 0.0
    lower = 0.0 if x == 0 else np.exp(level / n) if x == n else special.expit(crossing(excess, start, -0.1))
    upper = 1.0 if x == n else -np.expm1(level / n) if x == 0 else special.expit(crossing(excess, start, 0.1))
    return [lower, upper]


def crossing(excess: Any, inside: float, step: float) -> float:
    """Where a function that is positive at `inside` falls to zero, looked for in the direction of `step`."""
    if abs(inside) == 700:  # the function rises or falls without end: start from afar
        return float(optimize.brentq(excess, -700, 700, xtol=1e-13))
    outside = inside + step
    while excess(outside) > 0:
        inside, outside = outside, outside + 2 * (outside - inside)
    return float(optimize.brentq(excess, inside, outside, xtol=1e-15, rtol=1e-14))


# --------------------------------------------------------------------------------------------- one look at a table


def koopman(x1: float, n1: float, x2: float, n2: float, alpha: float) -> Any:
    """Score interval of a ratio of rates (Koopman 1984): chi-square of the likeliest rates at its limit."""
    limit, n, m = stats.chi2.isf(alpha, 1), n1 + n2, x1 + x2
    if m == 0:
        return None

    def excess(t: float) -> float:
        r = np.exp(t)
        b = r * (n1 + x2) + x1 + n2
        p2 = 2 * m / (b + np.sqrt(max(b * b - 4 * n * r * m, 0)))
        parts = ((x, k, p) for x, k, p in ((x1, n1, r * p2), (x2, n2, p2)) if 0 < p < 1)
        return float(limit - sum((x - k * p) ** 2 / (k * p * (1 - p)) for x, k, p in parts))

    start = np.log(max(x1, 0.5) / n1) - np.log(max(x2, 0.5) / n2)
    while excess(start) < 0:  # from an arm without events, towards its open end
        start += 0.5 if x2 == 0 else -0.5
    lower = np.exp(crossing(excess, start, -0.1)) if x1 else 0.0
    return [lower, np.exp(crossing(excess, start, 0.1)) if x2 else None]


def two_sided_p(x1: int, n1: int, x2: int, n2: int) -> float:
    """Chi-square, or Fisher's mid-p where a cell of fewer than 5 is expected."""
    m, n = x1 + x2, n1 + n2
    if min(n1, n2) * min(m, n - m) / n >= 5:
        return float(stats.chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False).pvalue)
    if m in (0, n):
        return 1.0
    return float(
        stats.fisher_exact(np.array([[x1, n1 - x1], [x2, n2 - x2]])).pvalue - stats.hypergeom.pmf(x1, n, n1, m) / 2
    )


# ------------------------------------------------------------------------------------------------------- the table


class Trial:
    """counts.csv with its plan: batches in order; `units`, `assigned`, `rho` and events by batch and variant."""

    def __init__(self, text: str, plan: Figures) -> None:
        rows = list(csv.DictReader(text.splitlines()))
        self.plan, self.variants, self.alpha = plan, plan["variants"], plan["alpha"]
        self.control = self.variants.index(plan["control"])
        self.batches = list(dict.fromkeys((row["period"], int(row["phase"])) for row in rows))
        self.phase = np.array([phase for _, phase in self.batches])
        self.strata = sorted({row.get("stratum", "") for row in rows})
        outcomes = list(dict.fromkeys(row["outcome"] for row in rows))
        shape = len(self.strata), len(self.batches), len(self.variants)
        self.counts = {name: np.zeros(shape, dtype=int) for name in ("units", "assigned", *(f"={o}" for o in outcomes))}
        weights = np.zeros(shape[1:])
        for row in rows:
            batch = self.batches.index((row["period"], int(row["phase"])))
            at = self.strata.index(row.get("stratum", "")), batch, self.variants.index(row["variant"])
            self.counts["units"][at] = int(row["units"])
            self.counts["assigned"][at] = int(row.get("assigned", row["units"]))
            self.counts[f"={row['outcome']}"][at] = int(row["conversions"])
            weights[at[1:]] = float(row["weight"])
        self.rho = weights / weights.sum(axis=1, keepdims=True)
        self.units, self.assigned = self.counts["units"].sum(axis=0), self.counts["assigned"].sum(axis=0)

    def events(self, name: str) -> Numbers:
        return self.counts[f"={name}"].sum(axis=0)

    def common(self, *arms: int) -> Numbers:
        """Batches in which all of these were open."""
        return (self.rho[:, list(arms)] > 0).all(axis=1)

    def comparable(self, *arms: int) -> bool:
        """Whether their probabilities had one ratio throughout, so that counts may be added up."""
        rho = self.rho[self.common(*arms)][:, list(arms)]
        return bool(np.allclose(rho * rho[:1, :1], rho[:, :1] * rho[:1], rtol=1e-9, atol=0))

    @cache  # noqa: B019  (there is one trial)
    def followed(self, name: str, better: str, margin: float = 1.0) -> Figures:
        """The always-valid engine over the batches; `margin` multiplies the rate that the control is held to."""
        events, units, rho = self.events(name), self.units, self.rho.copy()
        rho[:, self.control] /= margin
        log_e = pair_evidence(events, rho, better)
        arms = rho.shape[1]
        off = log_e[1:, ~np.eye(arms, dtype=bool)]
        mean, labels = special.logsumexp(off, axis=1) - np.log(off.shape[1]), np.zeros(len(off))
        if margin == 1:
            labels = dirichlet_evidence(events, rho, 25 * arms)
        wealth = wealth_against(log_e, events, units, rho, better)
        out = np.logical_or.accumulate(wealth >= -np.log(self.alpha), axis=0)
        names = [[v for v, gone in zip(self.variants, row, strict=True) if gone] for row in out]
        return {
            "log_e": log_e,
            "mean": mean,
            "labels": labels,
            "all": np.logaddexp(mean, labels) - np.log(2),
            "out": names,
        }


# ------------------------------------------------------------------------------------------------------- the report


def report(trial: Trial) -> Figures:
    """Every figure, under the names that report.json has."""
    primary, *others = trial.plan["outcomes"]
    main = section(trial, primary)
    return {
        "arms": main["arms"], "pairs": main["pairs"],
        "outcomes": [section(trial, one) for one in others if one["role"] == "secondary"],
        "guardrails": [section(trial, one) | safety(trial, one) for one in others if one["role"] == "guardrail"],
        "srm": split(trial), "global": overall(trial, primary), "multiplicity": against_control(main, trial),
        "claims": claims(trial), "strata": strata(trial, primary), "path": path(trial, primary),
        "winner": winner(main, trial, primary),
    }  # fmt: skip


def section(trial: Trial, outcome: Figures) -> Figures:
    """The variants and all pairs of them, on one outcome."""
    planned = trial.plan["expected_rate"] if outcome["role"] == "primary" else None
    events, units, assigned = (
        x.sum(axis=0).tolist() for x in (trial.events(outcome["name"]), trial.units, trial.assigned)
    )
    arms = [
        {"variant": v, "assigned": assigned[k], **one_rate(events[k], units[k], trial.alpha, planned)}
        for k, v in enumerate(trial.variants)
    ]
    pairs = {(i, j): pair(trial, outcome, i, j) for i, j in permutations(range(len(arms)), 2)}
    known = [at for at in combinations(range(len(arms)), 2) if pairs[at]["p_value"] is not None]
    adjusted = multipletests([pairs[at]["p_value"] for at in known], method="holm")[1] if known else []
    for (i, j), p in zip(known, adjusted, strict=True):
        pairs[i, j]["p_value_adjusted"] = pairs[j, i]["p_value_adjusted"] = p
    return {"name": outcome["name"], "arms": arms, "pairs": list(pairs.values())}


def one_rate(x: int, n: int, alpha: float, planned: float | None) -> Figures:
    """Rate of one variant: Wilson's interval, the exact one, and the confidence sequence."""
    if not n:
        return {"units": n, "conversions": x}
    wilson, exact = (
        [0.0 if x == 0 else low, 1.0 if x == n else high]
        for low, high in (proportion_confint(x, n, alpha, method) for method in ("wilson", "beta"))
    )
    return {
        "units": n, "conversions": x, "rate": x / n, "rate_per_10000": x / n * 10_000, "rate_ci": wilson,
        "rate_ci_exact": exact, "rate_cs": rate_sequence(x, n, alpha, planned),
    }  # fmt: skip


def pair(trial: Trial, outcome: Figures, i: int, j: int) -> Figures:
    """Arm i against arm j over the batches in which both were open."""
    both, log_e = trial.common(i, j), trial.followed(outcome["name"], outcome["better"])["log_e"][:, i, j]
    events, units, phase = trial.events(outcome["name"])[both], trial.units[both], trial.phase[both]
    made: Figures = {"a": trial.variants[i], "b": trial.variants[j], "p_value": None}
    made |= {"log10_e_value": log_e[-1] / np.log(10), "e_value": np.exp(min(log_e[-1], 700))}
    same = trial.comparable(i, j)
    groups = [np.ones(len(phase), dtype=bool)] if same else [phase == p for p in np.unique(phase)]
    tables = [(events[g, i].sum(), units[g, i].sum(), events[g, j].sum(), units[g, j].sum()) for g in groups]
    tables = [table for table in tables if table[1] and table[3]]
    if tables:
        x1, n1, x2, n2 = np.array(tables).T
        n = n1 + n2
        ratio = (x1 * n2 / n).sum(), (x2 * n1 / n).sum()
        odds = (x1 * (n2 - x2) / n).sum(), (x2 * (n1 - x1) / n).sum()
        made |= {name: a / b if b else None for name, (a, b) in (("ratio", ratio), ("odds_ratio", odds))}
        made["event_ratio"] = x1.sum() / x2.sum() if x2.sum() else None
        made["difference"] = ((x1 * n2 - x2 * n1) / n).sum() / (n1 * n2 / n).sum()
        share = trial.rho[both, i] / (trial.rho[both, i] + trial.rho[both, j])
        made["ratio_cs"] = ratio_sequence(events[:, i], events[:, j], share, trial.alpha)
    if tables and same:
        a, n_a, b, n_b = (int(value) for value in tables[0])
        made["ratio_ci"] = koopman(a, n_a, b, n_b, trial.alpha)
        made["difference_ci"] = list(confint_proportions_2indep(a, n_a, b, n_b, method="newcomb", alpha=trial.alpha))
        if 0 < a < n_a and 0 < b < n_b:
            made["odds_ratio_ci"] = list(
                Table2x2(np.array([[a, n_a - a], [b, n_b - b]])).oddsratio_confint(trial.alpha)
            )
        made["p_value"] = two_sided_p(a, n_a, b, n_b)
    if trial.plan["design"] == "sequential":
        made["p_value"] = float(np.exp(-log_e.max()))
    return made


def winner(main: Figures, trial: Trial, outcome: Figures) -> str | None:
    """The one open variant that the design's rule leaves, before anything holds it back."""
    still_open = [v for v, p in zip(trial.variants, trial.rho[-1], strict=True) if p > 0]
    if trial.plan["design"] == "sequential":
        known = trial.followed(outcome["name"], outcome["better"])
        left = [v for v in still_open if v not in known["out"][-1]]
        decisive = bool((known["all"] >= -np.log(trial.alpha)).any())
        return left[0] if len(left) == 1 and known["out"][-1] and decisive else None
    sign = 1 if outcome["better"] == "higher" else -1
    beaten = [(p["a"], p["b"]) for p in main["pairs"] if p.get("p_value_adjusted") is not None
              and p["p_value_adjusted"] <= trial.alpha and sign * p["difference"] > 0]  # fmt: skip
    return next((v for v in still_open if all((v, w) in beaten for w in still_open if w != v)), None)


def overall(trial: Trial, outcome: Figures) -> Figures:
    """All variants at once."""
    known = trial.followed(outcome["name"], outcome["better"])
    made = {"e_value": np.exp(min(known["mean"][-1], 700)), "e_dirichlet": np.exp(min(known["labels"][-1], 700))}
    made["decisive"] = bool((known["all"] >= -np.log(trial.alpha)).any())
    everyone = trial.common(*range(len(trial.variants)))
    events, units = (x[everyone].sum(axis=0) for x in (trial.events(outcome["name"]), trial.units))
    events, units = events[units > 0], units[units > 0]
    if 0 < events.sum() < units.sum():
        test = stats.chi2_contingency([events, units - events], correction=False)
        made |= {"chi2": test.statistic, "df": test.dof, "p_value": test.pvalue}
    return made


def against_control(main: Figures, trial: Trial) -> Figures:
    """Each variant against the control, adjusted for their number."""
    p = {(one["a"], one["b"]): one["p_value"] for one in main["pairs"]}
    control = trial.plan["control"]
    rows: list[Figures] = [{"a": v, "b": control, "p_value": p[v, control]} for v in trial.variants if v != control]
    if trial.plan["design"] == "sequential":
        for row in rows:
            row["p_value"] = min(1.0, 2 * min(row["p_value"], p[control, row["a"]]))
    known = [row for row in rows if row["p_value"] is not None]
    for method, name in (("holm", "p_value_adjusted"), ("fdr_bh", "p_value_fdr")):
        adjusted = multipletests([row["p_value"] for row in known], method=method)[1] if known else []
        for row, value in zip(known, adjusted, strict=True):
            row[name] = value
    return {"adjusted": rows}


def split(trial: Trial) -> Figures:
    """Sample ratio: the largest evidence so far against the planned split, and Pearson's test of the totals."""
    made: Figures = {}
    for name, counts in (("assignments", trial.assigned), ("exposures", trial.units)):
        log_e = np.logaddexp(*(dirichlet_evidence(counts, trial.rho, c) for c in (1_000.0, 10_000.0))) - np.log(2)
        seen, expected = counts.sum(axis=0), (trial.rho * counts.sum(axis=1, keepdims=True)).sum(axis=0)
        used = expected > 0
        chi2, df = float(((seen - expected)[used] ** 2 / expected[used]).sum()), int(used.sum()) - 1
        made[name] = {
            "e_value": np.exp(min(log_e.max(), 700)),
            "chi2": chi2,
            "df": df,
            "p_value": stats.chi2.sf(chi2, df),
        }
    return made


def safety(trial: Trial, rail: Figures) -> Figures:
    """Evidence that a variant does harm on a guardrail, and that it stays within the margin."""
    log_e, margin, made = trial.followed(rail["name"], rail["better"])["log_e"], rail["margin_ratio"], []
    for k, variant in enumerate(trial.variants):
        one: Figures = {"variant": variant, "e_value": np.exp(min(log_e[:, trial.control, k].max(), 700))}
        if margin:
            within = trial.followed(rail["name"], rail["better"], margin)["log_e"][-1, k, trial.control]
            one |= {"e_non_inferior": np.exp(min(within, 700)), "non_inferior": bool(within >= -np.log(trial.alpha))}
        made.append(one)
    return {"safety": [one for one in made if one["variant"] != trial.plan["control"]]}


def claims(trial: Trial) -> list[Figures]:
    """Within a family of outcomes: the smallest mean e-value of all sets of hypotheses that hold this one."""
    families: dict[str, list[Figures]] = {}
    for outcome in trial.plan["outcomes"]:
        for k, variant in enumerate(trial.variants):
            if outcome["family"] and k != trial.control:
                log_e = trial.followed(outcome["name"], outcome["better"])["log_e"][-1, k, trial.control]
                one = {"outcome": outcome["name"], "variant": variant, "e_value": np.exp(min(log_e, 700))}
                families.setdefault(outcome["family"], []).append(one)
    for family in families.values():
        for one in family:
            rest = sorted(other["e_value"] for other in family if other is not one)
            one["e_closed"] = min((one["e_value"] + sum(rest[:m])) / (m + 1) for m in range(len(family)))
            one["made"] = bool(one["e_closed"] >= 1 / trial.alpha)
    return [one for family in families.values() for one in family]


def strata(trial: Trial, outcome: Figures) -> Figures:
    """Within strata and phases, by Mantel and Haenszel."""
    seen = [s for s, units in enumerate(trial.counts["units"]) if units.any()]
    if len(seen) < 2:
        return {}
    names = [trial.strata[s] for s in seen]
    x, n = trial.counts[f"={outcome['name']}"][seen], trial.counts["units"][seen]
    arms = [
        {"stratum": name, "variant": v, "units": n[s, :, k].sum(), "conversions": x[s, :, k].sum(),
         "rate": x[s, :, k].sum() / n[s, :, k].sum() if n[s, :, k].sum() else None}
        for s, name in enumerate(names) for k, v in enumerate(trial.variants)
    ]  # fmt: skip
    pairs = []
    for j, i in combinations(range(len(trial.variants)), 2):
        phases = [trial.phase == phase for phase in np.unique(trial.phase[trial.common(i, j)])]
        sums = [(x[s, g][:, [i, j]].sum(axis=0), n[s, g][:, [i, j]].sum(axis=0)) for s in range(len(n)) for g in phases]
        cells = np.array([np.stack([events, units - events], axis=1) for events, units in sums if units.all()])
        one: Figures = {"a": trial.variants[i], "b": trial.variants[j]}
        if len(cells) and cells[:, :, 0].sum(axis=0).all():
            stack = StratifiedTable(cells.transpose(1, 2, 0).astype(float))
            test = stack.test_null_odds(correction=False)
            one |= {
                "mh_ratio": stack.riskratio_pooled, "mh_odds_ratio": stack.oddsratio_pooled,
                "mh_odds_ratio_ci": list(stack.oddsratio_pooled_confint(trial.alpha)),
                "cmh_chi2": test.statistic, "cmh_p_value": stats.chi2.sf(test.statistic, 1),
            }  # fmt: skip
        pairs.append(one)
    return {"arms": arms, "pairs": pairs}


def path(trial: Trial, outcome: Figures) -> list[Figures]:
    """Where the evidence stood at the end of each batch."""
    known = trial.followed(outcome["name"], outcome["better"])
    units, events = (np.cumsum(x, axis=0).tolist() for x in (trial.units, trial.events(outcome["name"])))
    return [
        {"period": period, "phase": phase, "units": units[b], "conversions": events[b],
         "log10_e": known["all"][b] / np.log(10), "eliminated": known["out"][b]}
        for b, (period, phase) in enumerate(trial.batches)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------- comparing


def differences(told: Any, found: Any, where: str = "") -> list[str]:
    """Published figures that are not what was recomputed. What is not published (null) is not compared."""
    if isinstance(told, dict) and isinstance(found, dict):
        return [
            line for name in told for line in differences(told[name], found.get(name), f"{where}.{name}".lstrip("."))
        ]
    if isinstance(told, list) and isinstance(found, list | tuple) and len(told) == len(found):
        return [
            line for n, pair in enumerate(zip(told, found, strict=True)) for line in differences(*pair, f"{where}[{n}]")
        ]
    return [] if told is None or same(told, found) else [f"{where}: published {told}, recomputed {found}"]


def same(told: Any, found: Any) -> bool:
    """Whether a recomputed figure is the published one; of the six digits printed, half of the last is free."""
    if isinstance(told, float) and found is not None:
        step = 10.0 ** (np.floor(np.log10(abs(told))) - 5) if told else 1e-300
        return bool(abs(told - found) <= 0.5001 * step)
    return bool(told == found)


def figures(told: Any) -> int:
    """How many numbers are published."""
    inside = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return sum(map(figures, inside)) + (isinstance(told, int | float) and not isinstance(told, bool))


def main(folder: Path) -> int:
    """Compare the report of a folder with what follows from its table."""
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    trial = Trial((folder / "counts.csv").read_text(encoding="utf-8"), told["plan"])
    found = differences(told["figures"], report(trial))
    if found:
        print(f"different: {found[0]}" + (f" ({len(found)} in all)" if len(found) > 1 else ""))
        return 1
    print(f"equal: {figures(told['figures'])} figures follow from counts.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)))
