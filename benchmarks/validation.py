"""Time to validate a definition of 12 variants × 10 locales (parsing of YAML apart)."""

from __future__ import annotations

import json
import statistics
import time

import yaml

from experiments import spec
from experiments.reading import load_yaml

LOCALES = ("en", "es", "ar", "de", "fr", "pt-BR", "hi", "zh", "ru", "cy")
ROUNDS = 50


def document() -> dict[str, object]:
    text = "A sentence that a person reads, of ordinary length for a warning. " * 8
    message = {"title": "A title of ordinary length", "body": text, "action": "Talk to somebody in confidence"}
    weights = [834] * 4 + [833] * 8
    return {
        "schema": 1, "key": "twelve-by-ten", "title": "Twelve variants", "surfaces": ["search-uk"], "help": ["one"],
        "variants": [
            {"key": f"v{i}", "control": i == 0, "weight": w, "messages": dict.fromkeys(LOCALES, message)}
            for i, w in enumerate(weights)
        ],
        "outcomes": {"primary": {"outcome": "help_sought"}},
        "plan": {"expected_rate": 0.01, "minimum_effect": {"ratio": 1.2}, "units_per_variant": 1000},
    }  # fmt: skip


def main() -> None:
    plain = json.loads(json.dumps(document()))
    text = yaml.safe_dump(plain, allow_unicode=True)
    print(f"validate: median {timed(lambda: spec.parse(plain, help_resources=['one'])):.2f} ms of {ROUNDS}")
    print(f"read its YAML ({len(text) // 1024} KiB): median {timed(lambda: load_yaml(text)):.2f} ms of {ROUNDS}")


def timed(act: object) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()  # type: ignore[operator]
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


if __name__ == "__main__":
    main()
