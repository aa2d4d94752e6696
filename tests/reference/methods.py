"""What computes each case of tests/reference/statistics.json.

By the function of `stats` that has it, and by `tests.peers` only where Signpost offers no such method.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from math import sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from stats import (
    association,
    bayes,
    best,
    clusters,
    conditional,
    difference,
    evidence,
    exact,
    intervals,
    looks,
    mantel_haenszel,
    multiplicity,
    odds,
    pooled,
    ratio,
    sequences,
    shrinkage,
)
from tests.peers import choice, proportions, sequential, unconditional


def two_arms(given):
    return tuple(given[name] for name in ("x1", "n1", "x2", "n2"))


def interval(method):
    """A method of two arms whose ends are all that is asked."""
    return lambda given: {"ci": method(*two_arms(given), 0.05)}


def of_one_rate(method):
    return lambda given: {"ci": method(given["x"], given["n"], given["alpha"])}


def three_of_one_rate(given):
    methods = {"wilson": intervals.wilson, "cp": exact.clopper_pearson, "jeffreys": proportions.jeffreys}
    return {name: method(given["x"], given["n"], 0.05) for name, method in methods.items()}


def two_differences(given):
    methods = {"mn": difference.miettinen_nurminen, "newcombe": intervals.newcombe}
    return {name: method(*two_arms(given), 0.05) for name, method in methods.items()}


def difference_by_name(given):
    methods = {"newcomb": intervals.newcombe} | proportions.DIFFERENCES
    return {"ci": methods[given["method"]](*two_arms(given), 0.05)}


def physicians(given):
    table = two_arms(given)
    found = pooled.estimates([pooled.Table(*table)])
    return {
        "diff_ci": proportions.wald_difference(*table, 0.05),
        "rr": found.ratio,
        "rr_ci": proportions.katz(*table, 0.05),
        "or_": found.odds_ratio,
        "or_ci": odds.odds_ratio_interval(*table, 0.05),
    }


def fisher(given):
    (a, b), (c, d) = given["table"]
    ratio_, ends = proportions.conditional_odds_ratio(a, a + b, c, c + d, 0.05)
    return {
        "p_less": conditional.exact_conditional([given["table"]]).less,
        "p_two": association.fisher(a, a + b, c, c + d)[0],
        "or_": ratio_,
        "ci95": ends,
        "ci99": proportions.conditional_odds_ratio(a, a + b, c, c + d, 0.01)[1],
    }


def many_arms(given):
    found = association.chi_square(given["x"], given["n"])
    return {"X2": found.chi2, "df": found.df, "p": found.p_value}


def adjusted(given):
    family = dict(enumerate(given["p"]))
    holm, bh = (list(method(family).values()) for method in (multiplicity.holm, multiplicity.benjamini_hochberg))
    rejected = {f"n_rej_{name}": sum(p <= 0.05 for p in found) for name, found in (("holm", holm), ("bh", bh))}
    return {"holm": holm, "bh": bh} | rejected


def dunnett(given):
    assert given["rho"] == 0.5
    return {
        f"{name}_sided": best.dunnett_constant(given["k"], given["alpha"], at) for at, name in ((1, "one"), (2, "two"))
    }


def strata(given):
    tables = given["tables"]
    stack = mantel_haenszel.Tables.of(tables)
    found = mantel_haenszel.odds_ratio(stack)
    plain, corrected = (mantel_haenszel.cmh(tables, correction=correction) for correction in (False, True))
    tested = conditional.exact_conditional(tables)
    return {
        "X2_cc": corrected[0],
        "p_cc": corrected[1],
        "X2": plain[0],
        "p": plain[1],
        "or_mh": found.value(),
        "ci": found.interval(0.05),
        "woolf_p": mantel_haenszel.woolf(tables)[2],
        "exact_p": tested.two_sided,
        "exact_p_greater": tested.greater,
    }


def size(given):
    return {"n": proportions.r_size(given["p1"], given["p2"], given["power"], given.get("sig", 0.05))}


def obrien_fleming(given):
    """With the error of the first look as the case has it: see `test_the_first_of_ten_looks`."""
    times = tuple((k + 1) / given["K"] for k in range(given["K"]))
    spent = [looks.obrien_fleming(given["alpha"], t) for t in times]
    spent[0] = rounded_error(given["alpha"], times[0])
    return {"bounds": looks.spend(times, np.diff(spent, prepend=0.0).tolist())}


def rounded_error(alpha, information):
    """The spending function as it is usually typed: 1 - Phi keeps four digits of 1.4e-12."""
    return 2 * (1 - ndtr(ndtri(1 - alpha / 2) / sqrt(information)))


def hwang_shih_decani(given):
    times = given.get("t") or [(k + 1) / given["K"] for k in range(given["K"])]
    spent = [looks.hwang_shih_decani(given["alpha"], t, given.get("gamma", 0)) for t in times]
    return {"bounds": looks.spend(times, np.diff(spent, prepend=0.0).tolist())}


def classic(kind):
    return lambda given: {"bounds": looks.classic_boundaries(kind, given["K"], given["alpha"], given["sided"])}


def event_labels(given):
    """The engine's prior for the ratio sequence is fixed; the cases were made with the same one."""
    assert 2 * given["k"] == sequences.KAPPA
    events, rho = ([[given[f"{name}_i"]], [given[f"{name}_j"]]] for name in ("s", "rho"))
    made = sequences.labels(*(np.array([values], dtype=float) for values in (*events, *rho)))
    plain = (given["s_i"], given["s_j"], given["rho_i"], given["rho_j"])
    return {
        "logE_two": float(sequences.log_mixture(made)[0]),
        "logE_one": sequential.one_sided_labels(*plain, kappa=2 * given["k"]),
        "rr_cs": sequences.ratio_sequence(*(np.array([value], dtype=float) for value in plain), given["alpha"]),
    }


def dirichlet(given):
    counts, rho = (
        np.array([[values]]) for values in (given["counts"], [float(Fraction(p)) for p in given["null_prob"]])
    )
    return {"logE": float(evidence.dirichlet(counts.astype(float), rho, concentration=given["concentration"])[0].sum())}


def ssrm(given):
    """The engine's log evidence is M1 - M0 for a prior of the null's shape; this one is flat, so it is a peer's."""
    mixed, plain = sequential.ssrm(given["labels"], given["null"], given["dirichlet"])
    return {"M1": mixed, "M0": plain}


def rate_sequence(given):
    """By the two priors that the engine has: Jeffreys', and Beta(2, 2/p - 2)."""
    a, b = given["a"], given["b"]
    if (a, b) == (0.5, 0.5):
        return {"ci": sequences.rate_sequence(given["x"], given["n"], given["alpha"])}
    return {"ci": sequential.robbins(given["x"], given["n"], a, b, given["alpha"])}


def one_sided_mixture(given):
    given = dict(given)
    s, v, alpha = given.pop("s"), given.pop("v"), given.pop("alpha")
    steps = given["g"], given["h"]
    prior = sequential.tuned(*steps, given["v_opt"], alpha, one_sided=True)
    return {
        "log_mixture": sequential.log_beta_binomial(s, v, *steps, prior, one_sided=True),
        "bound": sequential.beta_binomial_bound(v, *steps, prior, alpha, one_sided=True),
    }


def posterior(given):
    a, b = (np.array([given[arm][at] for arm in "AB"], dtype=float) for at in (0, 1))
    found = bayes.compare(a, b)
    loss = found.expected_loss
    return {"p_b_gt_a": found.probability_best[1], "loss_A": loss[0], "loss_B": loss[1]}


def best_arm(given):
    time, shares = choice.characteristic_time(given["mu"])
    return {"w": shares, "Tstar": time, "LB": time * choice.kl(given["delta"], 1 - given["delta"])}


def top_two(given):
    shares = choice.top_two(given["p_best"], given["beta"])
    return {"psi": shares, "total": sum(shares)}


def shrunken(given):
    events = np.array(given["s"])
    found = shrinkage.shrunken_rates(events, np.full(len(events), float(given["n"])))
    return {"Q": found.q, "tau2": found.tau2, "mu": found.mu, "rates": found.rates}


def clustered(given):
    """Of each person: arm, outcomes, sessions."""
    people = {}
    for person, arm, outcome in given["rows_person_arm_y"]:
        sums = people.setdefault((arm, person), [0, 0])
        sums[0] += outcome
        sums[1] += 1
    arms = {
        arm: list(zip(*(people[key] for key in keys), strict=True))
        for arm, keys in groupby(sorted(people), lambda key: key[0])
    }
    found = clusters.taylor_difference(*arms[1], *arms[0])
    return {"diff": found.difference, "se_robust": found.robust_se, "se_naive": found.naive_se}


# The beginning of a case's id -> what computes it.
METHODS = {
    "ci1_rare": three_of_one_rate,
    "ci1_cp": of_one_rate(exact.clopper_pearson),
    "ci1_wilson": of_one_rate(intervals.wilson),
    "diff_mn_rare": two_differences,
    "diff_mn_": interval(difference.miettinen_nurminen),
    "diff_mee": interval(difference.mee),
    "diff_newcombe": interval(intervals.newcombe),
    "diff_ac": interval(proportions.agresti_caffo),
    "diff_hiv": difference_by_name,
    "rr_koopman": interval(ratio.koopman),
    "rr_katz": interval(proportions.katz),
    "rr_adjlog": interval(proportions.walter),
    "rr_mn": interval(proportions.miettinen_nurminen_ratio),
    "phs_aspirin": physicians,
    "barnard": lambda given: dict(zip(("statistic", "p"), unconditional.barnard(**given), strict=True)),
    "boschloo": lambda given: dict(zip(("statistic", "p"), unconditional.boschloo(**given), strict=True)),
    "fisher": fisher,
    "suissa_shuster": lambda given: {"p": unconditional.suissa_shuster(given["table"])},
    "chi2": many_arms,
    "mult_bh1995": adjusted,
    "dunnett": dunnett,
    "cmh": strata,
    "n_rare": size,
    "power_R_1": lambda given: {"power": proportions.r_power(*(given[name] for name in ("n", "p1", "p2", "sig")))},
    "power_R_2": size,
    "gs_ldof": obrien_fleming,
    "gs_linear": hwang_shih_decani,
    "gs_hsd": hwang_shih_decani,
    "gs_of": classic("obrien-fleming"),
    "gs_poc": classic("pocock"),
    "safe2x2": lambda given: {"e": sequential.safestats_blocks(**given)},
    "cs_bern": lambda given: {"ci": sequential.confseq_bernoulli(**given)},
    "cs_robbins": rate_sequence,
    "cs_betabinom": one_sided_mixture,
    "event_dm": dirichlet,
    "event_": event_labels,
    "msprt": lambda given: {
        "logL": sequential.msprt(given["xbar"], given["ybar"], given["n"], given["pbar"], given["tau"])
    },
    "ui_": lambda given: {"logE": sequential.universal_inference(**given)},
    "ssrm": ssrm,
    "gb_seq": lambda given: dict(zip(("p", "ci"), sequential.growthbook(**given), strict=True)),
    "bayes_pfizer": lambda given: dict(zip(("ve_low", "ve_high"), choice.vaccine_efficacy(**given), strict=True)),
    "bayes_": posterior,
    "bai_": best_arm,
    "ttts": top_two,
    "shrink": shrunken,
    "cluster": clustered,
}
# Two cases have the same method and not the same figures: what R's example does not print is not asked.
UNASKED = {"cmh_rabbits": {"X2", "p", "woolf_p"}, "cmh_ucb": {"exact_p", "exact_p_greater"}}


def found_for(case):
    """Compute a case by the longest beginning of its id that is known."""
    name = max((name for name in METHODS if case["id"].startswith(name)), key=len)
    made = METHODS[name](case["inputs"])
    return {key: value for key, value in made.items() if key not in UNASKED.get(case["id"], ())}
