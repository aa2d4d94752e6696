"""An experiment as JSON, without its keys K."""

from __future__ import annotations

from typing import Any

from experiments.model import Experiment, Version
from experiments.spec import content_hash


def summary(experiment: Experiment) -> dict[str, Any]:
    """Key, revision and versions."""
    versions = [_version(v) for v in experiment.versions]
    return {"key": experiment.key, "revision": experiment.revision, "versions": versions}


def _version(version: Version) -> dict[str, Any]:
    messages = {
        v.key: {tag: content_hash(message) for tag, message in v.messages.items()} for v in version.definition.variants
    }
    return {
        "version": version.number,
        "state": version.state,
        "definition_hash": version.definition_hash,
        "message_hashes": messages,
        "started": version.started,
        "stopped": version.stopped,
        "adopted": version.adopted,
        "simulated": version.simulated,
        "phases": [phase.model_dump(mode="json") for phase in version.phases],
        "definition": version.definition.document(),
    }
