"""The JSON Schema of the report, made from its dataclasses: `python -m experiments.report_schema` prints it.

docs/report-schema.json is its output; docs/report.md says what each field means, and in which unit.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import TypeAdapter

from stats import Report


def report_schema() -> dict[str, Any]:
    """Return the schema of `Report.to_dict()`: every field is there, even if null, and no other one."""
    schema = TypeAdapter(Report).json_schema(mode="serialization")
    number = schema["properties"]["schema"]["default"]
    for definition in (schema, *schema["$defs"].values()):
        if "properties" not in definition:
            continue
        named = {name.rstrip("_"): _plain(value) for name, value in definition["properties"].items()}
        definition |= {"properties": named, "required": list(named), "additionalProperties": False}
    schema["properties"]["schema"] = {"const": number}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signpost report",
        "description": "Fields and units: docs/report.md",
    } | {name: value for name, value in schema.items() if name not in ("title", "description")}


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only Python needs."""
    return {name: part for name, part in value.items() if name not in ("title", "default")}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report_schema(), indent=1) + "\n")
