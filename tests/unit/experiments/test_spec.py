"""The experiment file: every rule, its pointer and its code; the schema; the content hash."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from experiments import spec
from experiments.directory import load_fallbacks, load_help
from experiments.errors import InvalidDefinition
from experiments.reading import load_json, load_yaml

LIBRARY = Path(spec.__file__).parent / "library"
HELP = {"helpline"}


def violations(document, help_resources=HELP) -> set[tuple[str, str]]:
    """Pointer and code of everything that is wrong."""
    try:
        spec.parse(document, help_resources=help_resources)
    except InvalidDefinition as error:
        return {(one.pointer, one.code) for one in error.violations}
    return set()


def test_the_error_speaks_of_the_first_violation(document):
    with pytest.raises(InvalidDefinition) as caught:
        spec.parse(document(title=7, surprise=1))
    first = caught.value.violations[0]
    assert (caught.value.pointer, caught.value.code, caught.value.detail) == (first.pointer, first.code, first.detail)


def change(document, path, value):
    """Set (or, with `...`, remove) what a pointer names."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.strip("/").split("/")]
    at = document
    for part in parents:
        at = at[part]
    if value is ...:
        del at[last]
    elif isinstance(at, list) and last == len(at):
        at.append(value)
    else:
        at[last] = value
    return document


def test_the_example_is_right(document):
    assert violations(document()) == set()


MESSAGE = {"title": "t", "body": "b", "action": "a"}
ONE = {"outcome": "left", "better": "lower"}
WRONG = [
    # shape
    ("/surprise", 1, {("/surprise", "unknown-field")}),
    ("/plan/beta", 0.2, {("/plan/beta", "unknown-field")}),
    ("/variants/1/messages/en/footer", "x", {("/variants/1/messages/en/footer", "unknown-field")}),
    ("/title", ..., {("/title", "missing-field")}),
    ("/variants/0/messages/en/action", ..., {("/variants/0/messages/en/action", "missing-field")}),
    ("/outcomes/primary", ..., {("/outcomes/primary", "missing-field")}),
    ("/plan/units_per_variant", ..., {("/plan/units_per_variant", "missing-field")}),
    ("/schema", ..., {("/schema", "missing-field")}),
    ("/schema", 2, {("/schema", "invalid-value")}),
    ("/title", 7, {("/title", "wrong-type")}),
    ("/variants", "two", {("/variants", "wrong-type")}),
    ("/window_hours", "24", {("/window_hours", "wrong-type")}),
    ("/window_hours", 24.5, {("/window_hours", "wrong-type")}),
    ("/plan/alpha", "0.05", {("/plan/alpha", "wrong-type")}),
    ("/variants/1/control", "false", {("/variants/1/control", "wrong-type")}),
    ("/variants/0", "x", {("/variants/0", "wrong-type"), ("/variants", "weights-do-not-sum"),
                          ("/variants", "missing-control")}),
    ("/key", "Four Lines", {("/key", "invalid-value")}),
    ("/key", "ab", {("/key", "invalid-value")}),
    ("/key", "a" * 65, {("/key", "invalid-value")}),
    ("/key", "abc\n", {("/key", "invalid-value")}),
    ("/title", "", {("/title", "invalid-value")}),
    ("/window_hours", 0, {("/window_hours", "invalid-value")}),
    ("/window_hours", 73, {("/window_hours", "invalid-value")}),
    ("/report_grace_hours", 1, {("/report_grace_hours", "invalid-value")}),
    ("/traffic", 10_001, {("/traffic", "invalid-value")}),
    ("/plan/alpha", 0.5, {("/plan/alpha", "invalid-value")}),
    ("/plan/expected_rate", 0, {("/plan/expected_rate", "invalid-value")}),
    ("/plan/expected_rate", float("nan"), {("/plan/expected_rate", "invalid-value")}),
    ("/plan/minimum_effect/ratio", 1, {("/plan/minimum_effect/ratio", "invalid-value")}),
    ("/plan/minimum_effect/ratio", float("inf"), {("/plan/minimum_effect/ratio", "invalid-value")}),
    ("/plan/design", "bayes", {("/plan/design", "invalid-value")}),
    ("/surfaces", [], {("/surfaces", "invalid-value")}),
    ("/strata", [f"s{n}" for n in range(21)], {("/strata", "invalid-value")}),
    ("/hypotheses", [" "], {("/hypotheses", "invalid-value")}),
    ("/variants/1/messages/EN", MESSAGE, {("/variants/1/messages/EN", "invalid-value"),
                                          ("/variants/0/messages/EN", "locale-missing"),
                                          ("/variants/2/messages/EN", "locale-missing")}),
    ("/ethics", {"committee": "c", "reference": "r", "expires": "soon"}, {("/ethics/expires", "wrong-type")}),
    ("/outcomes/primary/outcome", "conversion", {("/outcomes/primary/outcome", "unknown-outcome")}),
    ("/outcomes/secondary/0/channels/0", "fax", {("/outcomes/secondary/0/channels/0", "unknown-channel")}),
    ("/outcomes/secondary/0/tiers/0", "confirmed", {("/outcomes/secondary/0/tiers/0", "invalid-value")}),
    ("/outcomes/guardrails/0/better", ..., {("/outcomes/guardrails/0/better", "missing-field")}),
    # meaning
    ("/variants/0/weight", 5001, {("/variants", "weights-do-not-sum")}),
    ("/variants/0/weight", 4999, {("/variants", "weights-do-not-sum")}),
    ("/variants/1/key", "present", {("/variants/1/key", "duplicate-key")}),
    ("/surfaces/1", "search-uk", {("/surfaces/1", "duplicate-key")}),
    ("/strata/1", "list-a", {("/strata/1", "duplicate-key")}),
    ("/help/1", "helpline", {("/help/1", "duplicate-key")}),
    ("/variants/0/control", False, {("/variants", "missing-control")}),
    ("/variants/2/control", True, {("/variants/2/control", "several-controls")}),
    ("/variants/2/messages/de", ..., {("/variants/2/messages/de", "locale-missing")}),
    ("/variants/2/messages/fr", MESSAGE, {("/variants/0/messages/fr", "locale-missing"),
                                          ("/variants/1/messages/fr", "locale-missing")}),
    ("/variants/1/factors", {}, {("/variants/1/factors", "factor-missing")}),
    ("/locales", {"fr": {}}, {("/locales/fr", "unknown-locale")}),
    ("/locales", {"en": {"reviewed": False}, "de": {"reviewed": False}}, {("/locales", "no-reviewed-locale")}),
    ("/help/0", "nothing", {("/help/0", "unknown-help-resource")}),
    ("/outcomes/guardrails/1", {"outcome": "repeat_trigger", "better": "lower"},
     {("/outcomes/guardrails/1/name", "duplicate-key")}),
    ("/outcomes/secondary/0/name", "primary", {("/outcomes/secondary/0/name", "duplicate-key")}),
    ("/outcomes/guardrails/0/channels", ["call"], {("/outcomes/guardrails/0/channels", "channels-not-allowed")}),
    ("/unit", "view", {("/outcomes/guardrails/0/outcome", "outcome-needs-session")}),
    ("/unit", "block", {("/outcomes/guardrails/0/outcome", "outcome-needs-session"),
                        ("/block_hours", "missing-field")}),
    ("/block_hours", 4, {("/block_hours", "unknown-field")}),
    ("/plan/leader_share", True, {("/plan/leader_share", "invalid-value")}),
    ("/traffic", 0, {("/traffic", "invalid-value")}),
    ("/plan/looks", 3, {("/plan/looks", "unknown-field")}),
    ("/plan/spending", "pocock", {("/plan/spending", "unknown-field")}),
    ("/plan/looks", 21, {("/plan/looks", "invalid-value"), ("/plan/looks", "unknown-field")}),
    ("/plan/allocation", "bandit", {("/plan/allocation", "invalid-value")}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[f"{p}={str(v)[:30]}" for p, v, _ in WRONG])
def test_each_violation_has_its_pointer_and_code(document, path, value, expected):
    assert violations(change(document(), path, value)) == expected


def test_a_plan_that_goes_together(document):
    plan = document()["plan"]
    looks = plan | {"design": "looks", "looks": 3, "spending": "pocock"}
    assert violations(document(plan=looks)) == set()
    assert violations(document(plan=plan | {"allocation": "drop-losers", "leader_share": True})) == set()
    fixed = plan | {"design": "fixed", "allocation": "drop-losers"}
    assert violations(document(plan=fixed)) == {("/plan/allocation", "invalid-value")}
    blocks = document(plan=looks, unit="block", block_hours=4)
    blocks["outcomes"].pop("guardrails")
    assert violations(blocks) == {("/plan/design", "invalid-value")}


def test_a_control_nobody_would_see(document):
    wrong = change(change(document(), "/variants/0/weight", 0), "/variants/1/weight", 8000)
    assert violations(wrong) == {("/variants/0/weight", "invalid-value")}


def test_all_violations_come_at_once(document):
    wrong = document()
    for path, value in (
        ("/surprise", 1), ("/title", ...), ("/variants/0/weight", 1), ("/variants/1/messages/de", ...),
        ("/help/0", "nothing"),
        ("/plan/alpha", 2), ("/outcomes/primary/outcome", "conversion"),
    ):  # fmt: skip
        change(wrong, path, value)
    assert violations(wrong) == {
        ("/surprise", "unknown-field"), ("/title", "missing-field"), ("/variants", "weights-do-not-sum"),
        ("/variants/1/messages/de", "locale-missing"), ("/help/0", "unknown-help-resource"),
        ("/plan/alpha", "invalid-value"),
        ("/outcomes/primary/outcome", "unknown-outcome"),
    }  # fmt: skip


@pytest.mark.parametrize("junk", [None, 7, "text", [], [{}], True])
def test_what_is_no_mapping_is_refused(junk):
    assert violations(junk) == {("", "wrong-type")}


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, [None], [[]], {"a": []}, True], ids=repr)
def test_junk_anywhere_is_a_violation_and_never_a_crash(document, junk):
    base = document(locales={}, ethics={"committee": "c", "reference": "r", "expires": "2030-01-01"})
    paths = [f"/{name}" for name in base]
    paths += [f"/variants/0/{name}" for name in base["variants"][0]]
    paths += [
        "/variants/0",
        "/variants/0/messages/en",
        "/outcomes/primary",
        "/outcomes/secondary/0",
        "/outcomes/guardrails",
    ]
    for path in paths:
        for one in violations(change(copy.deepcopy(base), path, junk)):
            assert one[0] == "" or one[0].startswith("/")


def test_without_a_directory_help_is_not_checked(document):
    assert violations(document(help=["anything-at-all"]), help_resources=None) == set()


def test_text_that_json_allows_and_unicode_does_not(document):
    wrong = load_json(json.dumps(document()).replace("Which line", "\\ud800"))
    assert {pointer for pointer, _ in violations(wrong)} == {"/title"}


def test_a_definition_cannot_be_changed(definition):
    with pytest.raises(ValueError, match="frozen"):
        definition().title = "Another"


@pytest.mark.parametrize("document_of", [json.loads, load_json, load_yaml])
def test_every_door_leads_to_the_same_definition(document, document_of):
    text = json.dumps(document(ethics={"committee": "c", "reference": "r", "expires": "2030-01-01"}))
    assert spec.parse(document_of(text)) == spec.parse(json.loads(text))


def test_a_definition_becomes_the_document_it_came_from(document, definition):
    made = definition(
        locales={"de": {"reviewed": False}}, ethics={"committee": "c", "reference": "r", "expires": "2030-01-01"}
    )
    assert spec.parse(made.document()) == made
    assert spec.parse(load_json(json.dumps(made.document()))) == made
    assert definition().document()["schema"] == 1
    assert "window_hours" not in definition().document()


# ---------------------------------------------------------------------------------------- content hash


def leaves(value, path=()):
    """Every value inside a document with its path."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path, value


def other(value):
    """A different value of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"


def test_the_hash_knows_every_field(definition):
    full = definition(
        description="d", question="q", hypotheses=["h"], exclusions=["e"], locales={"de": {"reviewed_by": "r"}},
        ethics={"committee": "c", "reference": "r", "expires": "2030-01-01"},
    ).model_dump(mode="json", by_alias=True)  # fmt: skip
    seen = {spec.content_hash(full)}
    for path, value in leaves(full):
        changed = copy.deepcopy(full)
        at = changed
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = other(value)
        seen.add(spec.content_hash(changed))
    assert len(seen) == 1 + len(list(leaves(full)))


def test_the_hash_is_of_the_content_only(document, definition):
    first = spec.content_hash(definition())
    reordered = {name: document()[name] for name in reversed(document())}
    spelled_out = document(window_hours=24, traffic=10_000, exclusions=[])
    assert {spec.content_hash(spec.parse(one)) for one in (reordered, spelled_out)} == {first}
    assert spec.content_hash(definition(variants=document()["variants"][::-1])) != first, (
        "the order of variants is content"
    )


def test_the_hash_stays_what_it_was_in_earlier_releases(definition):
    assert spec.content_hash(definition()) == "c1980173696da4c0977a59b883bd45a22db0ffd0e6eaa841dd3dd6b697a878e9"


# --------------------------------------------------------------------------------------------- schema


@pytest.fixture(scope="module")
def validator():
    schema = spec.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_takes_what_is_right(validator, document):
    assert list(validator.iter_errors(document())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/surprise", 1), ("/title", ...), ("/title", 7), ("/key", "No Key"), ("/traffic", 10_001), ("/plan/alpha", 1),
        ("/outcomes/primary/outcome", "conversion"), ("/variants/0/messages/en/action", ...), ("/schema", 2),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_is_wrong(validator, document, path, value):
    assert list(validator.iter_errors(change(document(), path, value)))


def test_the_schema_describes_every_field_of_the_document():
    assert set(spec.json_schema()["properties"]) == {
        field.alias or name for name, field in spec.Definition.model_fields.items()
    }


# -------------------------------------------------------------------------------------------- library


def library() -> list[Path]:
    others = ("help.yml", "fallback.yml", "wording.yml")
    found = (path for path in sorted(LIBRARY.rglob("*.yml")) if path.name not in others)
    return [path for path in found if not path.name.endswith(".source.yml")]


@pytest.mark.parametrize("path", library(), ids=lambda path: path.name)
def test_every_experiment_of_the_library_is_right(path, validator):
    document = load_yaml(path.read_text(encoding="utf-8"))
    assert violations(document, load_help().by_key) == set()
    assert list(validator.iter_errors(document)) == []


def test_the_librarys_help_and_fallbacks_are_right():
    assert load_fallbacks(load_help()).of(None).served()
