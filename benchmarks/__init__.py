"""Measurements behind docs/performance.md: `python -m benchmarks` runs all, `python -m benchmarks.<name>` one."""
