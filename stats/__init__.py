"""Statistics of a message experiment: pure functions of counts, no I/O, no clock, no globals.

`report(plan, counts)` is the only door. It takes what was planned (`Plan`, `Outcome`) and what was counted
(`Counts` of `Cell`s) and returns one frozen `Report`; see `stats.result` for every field and its unit.
"""

from stats.analysis import report
from stats.counts import Cell, Counts
from stats.plan import Outcome, Plan
from stats.result import Report

__all__ = ["Cell", "Counts", "Outcome", "Plan", "Report", "report"]
