"""What several pages ask of an address."""

from __future__ import annotations

from experiments.errors import InvalidInput, NotFound
from experiments.model import Experiment, Version


def version_of(experiment: Experiment, number: str | None, pointer: str = "/version") -> Version:
    """The version that is named, else the latest one."""
    if number is None:
        return experiment.latest
    if not (number.isdecimal() and len(number) <= 9):
        raise InvalidInput("must be a version's number", pointer=pointer)
    found = experiment.version(int(number))
    if found is None:
        raise NotFound(f"experiment '{experiment.key}' has no version {number}", pointer=pointer)
    return found
