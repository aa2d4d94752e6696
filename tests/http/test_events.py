"""POST /v1/events: many at once, each for itself, safe to repeat."""

from __future__ import annotations

import json

import pytest

from experiments import assignment
from experiments.model import DAY, HOUR
from tests.http.conftest import NOON, Service

RAW = "a session that must stay here"


def drawn(service: Service, session: str) -> tuple[str, str]:
    """Unit in hexadecimal and variant, as a server that assigns by itself computes them."""
    live = service.runtime.catalogue.snapshot.by_key["four-lines"]
    choice = assignment.choose(live.key, session.encode(), live.version.phase.weights, 10_000)
    return choice.draw.unit.hex(), live.version.definition.variants[choice.variant or 0].key


def exposure(service: Service, session: str, **fields) -> dict:
    unit, variant = drawn(service, session)
    item = {
        "event": "exposure", "experiment": "four-lines", "version": 1, "unit": unit, "variant": variant, "phase": 0,
        "surface": "search-uk", "occurred_at": NOON,
    }  # fmt: skip
    return {**item, **fields}


def outcome(service: Service, session: str, **fields) -> dict:
    item = {
        "event": "outcome", "experiment": "four-lines", "version": 1, "unit": drawn(service, session)[0],
        "outcome": "help_sought", "channel": "click", "occurred_at": NOON + 20,
    }  # fmt: skip
    return {name: value for name, value in {**item, **fields}.items() if value is not None}


def receipts(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["receipt"] for one in answer.json["receipts"]]


def refusal(service: Service, item) -> tuple[str, str]:
    """Problem type and pointer of the one item that is refused, between two that are good."""
    good = [exposure(service, f"beside {n} {json.dumps(item)}"[:100]) for n in (1, 2)]
    answer = service.post("/v1/events", [good[0], item, good[1]])
    assert receipts(answer) == ["recorded", "refused", "recorded"]
    told = answer.json["receipts"][1]
    assert told["detail"]
    return told["type"].rpartition("/")[2], told["pointer"]


def test_a_receipt_for_each_and_nothing_counted_twice(service):
    service.clock.now = NOON + 60
    items = [exposure(service, f"s{n}") for n in range(40)] + [outcome(service, f"s{n}") for n in range(10)]
    assert receipts(service.post("/v1/events", items)) == ["recorded"] * 50
    lines = "\n".join(json.dumps(item) for item in items)
    assert receipts(service.post("/v1/events", lines)) == ["already"] * 50
    assert [service.total(measure) for measure in ("a", "e", "d0")] == [40, 40, 10]


def test_a_unit_is_the_same_whoever_assigns_it(service):
    """Assigned by us and reported by the partner: one unit, one row."""
    given = service.shown("both ways")
    assert receipts(service.post("/v1/events", [exposure(service, "both ways")])) == ["already"]
    assert given["variant"] == drawn(service, "both ways")[1]
    assert service.outcome(given["token"], channel="click").json == {"receipt": "recorded"}
    assert receipts(service.post("/v1/events", [outcome(service, "both ways", occurred_at=NOON)])) == ["already"]
    assert [service.total(measure) for measure in ("a", "e", "d0")] == [1, 1, 1]


def test_by_token(service):
    given = [service.ask(f"t{n}") for n in range(3)]
    items = [{"event": "exposure", "token": one["token"]} for one in given]
    items.append({"event": "outcome", "token": given[0]["token"], "outcome": "left"})
    items.append({"event": "outcome", "token": "x" * 76, "outcome": "left"})
    assert receipts(service.post("/v1/events", items)) == ["recorded"] * 4 + ["refused"]
    assert [service.total(measure) for measure in ("a", "e")] == [3, 3]


def test_another_variant_than_the_rows_is_crossed_and_counted_once(service):
    item = exposure(service, "crossed")
    other = next(key for key in ("present", "law", "harm") if key != item["variant"])
    assert receipts(service.post("/v1/events", [item, {**item, "variant": other}])) == ["recorded", "crossed"]
    assert receipts(service.post("/v1/events", [{**item, "variant": other}])) == ["crossed"]
    assert service.total("e") == 1
    crossed = [fields for fields in service.hashes().values() if any(name[:2] == b"x." for name in fields)]
    assert [sum(int(n) for name, n in fields.items() if name[:2] == b"x.") for fields in crossed] == [1]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"variant": "no-such"}, "unknown-variant", "/1/variant"),
        ({"phase": 7}, "invalid-value", "/1/phase"),
        ({"surface": "elsewhere"}, "scope-missing", "/1/surface"),
        ({"stratum": "none"}, "unknown-stratum", "/1/stratum"),
        ({"experiment": "no-such"}, "unknown-experiment", "/1/experiment"),
        ({"version": 2}, "unknown-experiment", "/1/version"),
        ({"unit": "ff"}, "invalid-value", "/1/unit"),
        ({"occurred_at": NOON + 61}, "in-future", "/1/occurred_at"),
        ({"occurred_at": NOON - 2 * DAY}, "invalid-value", "/1/occurred_at"),
        ({"occurred_at": "yesterday"}, "invalid-value", "/1/occurred_at"),
        ({"session": RAW}, "unknown-field", "/1/session"),
        ({"locale": "xx-s3ss10n1"}, "unknown-locale", "/1/locale"),
        ({"event": "click"}, "invalid-value", "/1/event"),
        ({"channel": "click"}, "channels-not-allowed", "/1/channel"),
    ],
)
def test_what_is_wrong_with_an_exposure_is_told_for_it_alone(service, change, code, pointer):
    assert refusal(service, {**exposure(service, "wrong"), **change}) == (code, pointer)
    assert service.total("e") == 2


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"unit": "0" * 32}, "no-exposure", "/1"),
        ({"channel": None}, "missing-field", "/1/channel"),
        ({"outcome": "no-such"}, "unknown-outcome", "/1/outcome"),
        ({"occurred_at": NOON + 61}, "in-future", "/1/occurred_at"),
        ({"occurred_at": None}, "invalid-value", "/1"),
    ],
)
def test_what_is_wrong_with_an_outcome_is_told_for_it_alone(service, change, code, pointer):
    service.post("/v1/events", [exposure(service, "wrong")])
    assert refusal(service, outcome(service, "wrong", **{"occurred_at": NOON, **change})) == (code, pointer)


@pytest.mark.parametrize("item", [7, "text", None, [], {}])
def test_what_is_no_event_at_all(service, item):
    assert refusal(service, item)[1].startswith("/1")


def test_a_line_that_is_no_json(service):
    lines = [json.dumps(exposure(service, "one")), '{"event": ', json.dumps(exposure(service, "two"))]
    answer = service.post("/v1/events", "\n".join(lines))
    assert receipts(answer) == ["recorded", "refused", "recorded"]
    assert answer.json["receipts"][1]["type"].endswith("/malformed-json")


def test_after_its_day_is_sealed_it_is_late_and_enters_no_arm(service):
    service.post("/v1/events", [exposure(service, "early")])
    before = service.total("e"), service.total("d0")
    service.clock.now = NOON + 3 * DAY
    service.runtime.refresh(service.clock.now)
    items = [exposure(service, "too late"), outcome(service, "early")]
    assert receipts(service.post("/v1/events", items)) == ["late", "late"]
    assert (service.total("e"), service.total("d0")) == before
    assert service.apart() == {"late.exposed": 1, "late.help_sought": 1}


def test_an_outcome_outside_the_window(service):
    service.post("/v1/events", [exposure(service, "slow")])
    service.clock.now = NOON + 25 * HOUR
    answer = service.post("/v1/events", [outcome(service, "slow", occurred_at=NOON + 24 * HOUR + 60)])
    assert receipts(answer) == ["refused"]
    assert answer.json["receipts"][0]["type"].endswith("/window-closed")


def test_a_stopped_version_takes_what_happened_before(service):
    service.act("stop")
    service.clock.now = NOON + HOUR
    late = exposure(service, "after", occurred_at=NOON + HOUR)
    answer = service.post("/v1/events", [exposure(service, "before"), late])
    assert receipts(answer) == ["recorded", "refused"]
    assert answer.json["receipts"][1]["type"].endswith("/not-running")


def test_too_many_and_nothing_is_counted(service):
    item = json.dumps(exposure(service, "one"))
    answer = service.post("/v1/events", "\n".join([item] * 10_001))
    assert answer.status_code == 413
    answer = service.post("/v1/events", "[" + " " * (4 * 1024 * 1024) + "]")
    assert answer.status_code == 413
    assert service.total("e") == 0


def test_ten_thousand(service):
    """Several calls of the script, in several batches; every unit once."""
    unit, variant = drawn(service, "any")
    items = [{**exposure(service, "any"), "unit": f"{number:032x}", "variant": variant} for number in range(10_000)]
    body = json.dumps(items, separators=(",", ":"))
    assert receipts(service.post("/v1/events", body)) == ["recorded"] * 10_000
    assert service.total("e") == 10_000
    assert unit


def test_servers_only(service):
    assert service.post("/v1/events", [], key=None).status_code == 401
    assert service.post("/v1/events", "{}").json["receipts"][0]["receipt"] == "refused"
    assert service.post("/v1/events", "[7").status_code == 400
    assert service.post("/v1/events", []).json == {"receipts": []}


def test_a_foreign_key_may_not_report_for_our_surface(service):
    service.key("foreign", partner="theirs", surfaces=("elsewhere",))
    answer = service.post("/v1/events", [exposure(service, "s")], key="foreign")
    assert answer.json["receipts"][0]["type"].endswith("/scope-missing")
    given = service.shown("ours")
    token = [{"event": "outcome", "token": given["token"], "outcome": "left"}]
    assert service.post("/v1/events", token, key="foreign").json["receipts"][0]["type"].endswith("/token-foreign")
    assert service.total("e") == 1


def test_a_field_given_twice_spoils_its_item_only(service):
    good, twice = json.dumps(exposure(service, "one")), json.dumps(exposure(service, "two"))
    twice = twice.replace('"phase": 0', '"phase": 0, "phase": 1')
    answer = service.post("/v1/events", f"[{good}, {twice}]")
    assert receipts(answer) == ["recorded", "refused"]
    assert (answer.json["receipts"][1]["type"].rpartition("/")[2], answer.json["receipts"][1]["pointer"]) == (
        "duplicate-key", "/1/phase",
    )  # fmt: skip


def test_what_is_dated_before_the_versions_first_day(service):
    """By a clock that is late, or of the version before: told for the item, and the others are counted."""
    items = [exposure(service, "in time"), outcome(service, "early", occurred_at=NOON - DAY)]
    answer = service.post("/v1/events", items)
    assert receipts(answer) == ["recorded", "refused"]
    assert answer.json["receipts"][1]["type"].endswith("/no-exposure")


def test_an_exposure_from_before_its_arm_was_closed(service):
    open_arm = next(f"s{n}" for n in range(99) if drawn(service, f"s{n}")[1] == "harm")
    item = exposure(service, open_arm)
    service.ask(open_arm)
    service.act("close-arm", variant="harm")
    assert receipts(service.post("/v1/events", [item])) == ["recorded"]
    assert service.total("e") == 1


def test_a_key_for_the_second_surface(service):
    service.key("second", surfaces=("search-de",))
    items = [exposure(service, "de", surface="search-de"), exposure(service, "uk", surface="search-uk")]
    answer = service.post("/v1/events", items, key="second")
    assert receipts(answer) == ["recorded", "refused"]
    assert answer.json["receipts"][1]["type"].endswith("/scope-missing")
