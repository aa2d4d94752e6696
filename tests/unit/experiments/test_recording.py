"""The acts of the hot path, on a real ledger: assign, expose, outcome, and what is told of them."""

import pytest

from experiments import lifecycle, outcomes, phases, recording
from experiments.errors import InvalidInput, OutcomeRefused, StoreUnavailable, TokenError
from experiments.model import DAY, HOUR
from experiments.outcomes import Event

TODAY = 20_781
NOON = TODAY * DAY + 12 * HOUR
MIDNIGHT = (TODAY + 1) * DAY
SESSIONS = [f"session {number}" for number in range(60)]


@pytest.fixture
def live(running, definition):
    return running(definition())


def of_variant(world, variant: str) -> str:
    """A session that gets this variant."""
    live = world.runtime.catalogue.snapshot.by_key["four-lines"]
    index = live.version.definition.index_of(variant)
    phase = live.version.phase
    found = (
        f"of {variant} {number}"
        for number in range(10_000)
        if recording.assignment.choose(live.key, f"of {variant} {number}".encode(), phase.weights, 10_000).variant
        == index
    )
    return next(found)


# --------------------------------------------------------------------------------------- what is told


def test_an_assignment_tells_all_that_is_to_be_shown(world, live):
    session = of_variant(world, "law")
    told = world.assign(session, locale="de-AT", stratum="list-b")
    assert (told.experiment, told.version, told.phase, told.variant) == ("four-lines", 1, 0, "law")
    assert (told.in_experiment, told.reason, told.receipt, told.session) == (True, None, "recorded", None)
    assert told.propensity == 0.3
    assert (told.shown.message.title, told.shown.locale, told.shown.dir) == ("law", "de", "ltr")
    assert told.shown.young_people == "Are you under 18?"
    assert [resource.key for resource in told.resources] == ["helpline"]
    grant = told.grant
    assert (grant.version_id, grant.partner, grant.day, grant.issued) == (live.version.id, 7, TODAY, NOON)
    assert (grant.variant, grant.phase, grant.surface, grant.stratum, grant.uncounted) == (1, 0, 0, 2, False)
    assert world.counts(live)["0.1.0.2.a"] == 1


def test_the_same_session_gets_the_same_again(world, live):
    for session in SESSIONS[:20]:
        first, second = world.assign(session), world.assign(session, NOON + 5)
        assert (first.receipt, second.receipt) == ("recorded", "already")
        assert second.variant == first.variant
        assert second.grant.pseudonym == first.grant.pseudonym
    assert world.total(live, "a") == 20


def test_surface_and_experiment_are_both_ways_in(world, live):
    assert world.assign("a", surface="search-de").grant.surface == 1
    assert world.assign("b", surface=None, experiment="four-lines").grant.surface == 0
    assert world.assign("c", surface="search-de", experiment="four-lines").grant.surface == 1
    with pytest.raises(InvalidInput) as caught:
        world.assign("d", surface="search-fr", experiment="four-lines")
    assert (caught.value.code, caught.value.pointer) == ("unknown-surface", "/surface")


def test_a_session_is_minted_when_none_is_given(world, live):
    told = world.assign(None)
    assert told.session
    assert world.assign(told.session).variant == told.variant
    assert world.total(live, "a") == 1


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"surface": "nowhere"}, "unknown-experiment"),
        ({"surface": None, "experiment": "nothing"}, "unknown-experiment"),
        ({"surface": "of-a-draft"}, "not-running"),
        ({"surface": None, "experiment": "drafted"}, "not-running"),
        ({"locale": "ja"}, "locale-not-in-experiment"),
        ({"override": "law"}, "override"),
    ],
)
def test_whoever_is_not_in_the_experiment_gets_a_message_and_is_not_counted(world, live, definition, asked, reason):
    documents = world.store.documents
    draft = definition(key="drafted", surfaces=["of-a-draft"])
    documents.save(lifecycle.apply(None, draft, lifecycle.Actor("ann", NOON), version_id=99))
    world.runtime.refresh(NOON)
    told = world.assign("a", shown=True, **asked)
    assert (told.in_experiment, told.reason, told.propensity) == (False, reason, None)
    assert told.grant is None or reason == "override"
    assert told.shown.message.title == ("law" if reason == "override" else "Stop")
    assert told.resources
    assert world.counts(live) == {}


def test_an_unknown_override_is_refused(world, live):
    with pytest.raises(InvalidInput) as caught:
        world.assign("a", override="nothing")
    assert (caught.value.code, caught.value.pointer) == ("unknown-variant", "/override")


@pytest.mark.parametrize(
    ("asked", "code", "pointer"),
    [
        ({"stratum": "list-c"}, "unknown-stratum", "/stratum"),
        ({"session": ""}, "session-length", "/session"),
        ({"session": "é" * 65}, "session-length", "/session"),
    ],
)
def test_wrong_fields_are_named(world, live, asked, code, pointer):
    with pytest.raises(InvalidInput) as caught:
        world.assign(**{"session": "a", **asked})
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert world.counts(live) == {}


# -------------------------------------------------------------------------------- weights, traffic, arms


def test_shares_follow_the_weights(world, live):
    seen = [world.assign(f"many {number}").variant for number in range(400)]
    for name, share in (("present", 0.5), ("law", 0.3), ("harm", 0.2)):
        assert seen.count(name) / 400 == pytest.approx(share, abs=0.08)


def test_traffic_leaves_units_out_and_raising_it_moves_nobody(running, definition, world):
    live = running(definition(traffic=4000))
    before = {session: world.assign(session) for session in SESSIONS}
    inside = {session for session, told in before.items() if told.in_experiment}
    assert 10 < len(inside) < 40
    assert {told.reason for session, told in before.items() if session not in inside} == {"out-of-traffic"}
    assert world.total(live, "a") == len(inside)
    world.change(phases.set_traffic, 8000, now=NOON + 60)
    after = {session: world.assign(session, NOON + 61) for session in SESSIONS}
    assert {session: after[session].variant for session in inside} == {s: before[s].variant for s in inside}
    assert {after[session].phase for session in inside} == {0}, "a row keeps the phase it was made in"
    fresh = {session for session in SESSIONS if after[session].in_experiment} - inside
    assert {after[session].phase for session in fresh} == {1}
    world.change(phases.set_traffic, 0, now=NOON + 120)
    assert all(world.assign(session, NOON + 121).in_experiment for session in inside)
    assert world.assign("new", NOON + 121).reason == "out-of-traffic"


def test_new_weights_hold_for_new_units_only(running, definition, world, document):
    plan = document()["plan"] | {"allocation": "drop-losers"}
    running(definition(plan=plan))
    before = {session: world.assign(session).variant for session in SESSIONS[:30]}
    world.change(phases.set_weights, [100, 100, 9800], now=NOON + 60)
    assert {session: world.assign(session, NOON + 61).variant for session in before} == before
    fresh = [world.assign(session, NOON + 61) for session in SESSIONS[30:]]
    assert [told.variant for told in fresh].count("harm") > 25
    assert {told.propensity for told in fresh if told.variant == "harm"} == {0.98}


def test_a_closed_arm_is_not_shown_again_and_its_outcomes_count(world, live):
    mine, other = of_variant(world, "harm"), of_variant(world, "law")
    shown = world.assign(mine, shown=True)
    world.assign(other, shown=True)
    world.change(phases.close_arm, "harm", now=NOON + 60)
    back = world.assign(mine, NOON + 61)
    assert (back.in_experiment, back.reason, back.grant) == (False, "arm-closed", None)
    assert back.shown.message.title == "Stop"
    assert world.assign(other, NOON + 61).variant == "law"
    assert world.outcome(mine, NOON + 62, channel="call") == "recorded"
    assert world.outcome(shown, NOON + 63, channel="email") == "recorded"
    assert world.counts(live)["0.2.0.0.d0"] == 1
    redrawn = world.assign("of harm 99999", NOON + 64)
    assert redrawn.variant in ("present", "law")
    assert redrawn.propensity in (5000 / 8000, 3000 / 8000)


def test_suspended_shows_the_fallback_and_takes_outcomes(world, live):
    world.assign("a", shown=True)
    world.change(lifecycle.suspend, now=NOON + 10)
    assert world.assign("a", NOON + 11).reason == "suspended"
    assert world.outcome("a", NOON + 12) == "recorded"
    world.change(phases.resume, now=NOON + 20)
    told = world.assign("b", NOON + 21)
    assert (told.in_experiment, told.phase) == (True, 1)


def test_stopped_takes_outcomes_until_it_is_concluded(world, live):
    shown = world.assign("a", shown=True)
    world.change(lifecycle.stop, now=NOON + 10)
    assert world.assign("a", NOON + 11).reason == "not-running"
    assert world.outcome("a", NOON + 12, channel="call") == "recorded"
    assert world.outcome(shown, NOON + 12, channel="email") == "recorded"
    end = live.version.sealed_at(TODAY)
    world.change(lifecycle.conclude, now=end, adopt="law")
    with pytest.raises(TokenError) as caught:
        world.outcome(shown, end + 1)
    assert caught.value.code == "token-expired"
    with pytest.raises(InvalidInput):
        world.outcome("a", end + 1)


def test_an_adopted_text_becomes_the_surfaces_fallback(world, live):
    world.change(lifecycle.stop, now=NOON + 10)
    world.change(lifecycle.conclude, now=NOON + 9 * DAY, adopt="law")
    told = world.assign("a", NOON + 9 * DAY + 1, locale="de")
    assert (told.in_experiment, told.reason, told.shown.message.title) == (False, "adopted", "law")
    assert told.shown.message.body == "de"
    world.change(lifecycle.archive, now=NOON + 9 * DAY + 2)
    assert world.assign("a", NOON + 9 * DAY + 3).reason == "adopted"


def test_outcomes_of_a_replaced_version_still_count(world, live, running, definition):
    world.assign("a", shown=True)
    two = running(definition(title="Version two"), NOON + 60)
    assert two.version.number == 2
    assert world.outcome("a", NOON + 70) == "recorded"
    assert world.total(live, "d0") == 1
    assert world.counts(two) == {}
    world.assign("a", NOON + 80, shown=True)
    assert world.outcome("a", NOON + 90) == "recorded", "the newest version that showed it the message"
    assert world.total(two, "d0") == 1


# ------------------------------------------------------------------------------------------------ days


def test_a_session_keeps_its_variant_over_midnight(world, live):
    for session in SESSIONS[:10]:
        evening = world.assign(session, MIDNIGHT - 5, shown=True)
        morning = world.assign(session, MIDNIGHT + 5, shown=True)
        assert (morning.receipt, morning.grant.day) == ("already", evening.grant.day)
        assert morning.grant.pseudonym == evening.grant.pseudonym
        assert world.outcome(session, MIDNIGHT + 6) == "recorded"
    assert world.total(live, "a", TODAY, TODAY + 1) == world.total(live, "a", TODAY) == 10
    assert world.total(live, "d0", TODAY) == 10


def test_the_day_after_the_window_is_a_new_unit_of_the_same_variant(world, live):
    first = world.assign("a", NOON, shown=True)
    second = world.assign("a", NOON + 25 * HOUR, shown=True)
    assert second.receipt == "recorded"
    assert second.variant == first.variant
    assert second.grant.pseudonym != first.grant.pseudonym
    assert [world.total(live, "a", day) for day in (TODAY, TODAY + 1)] == [1, 1]


def test_what_comes_after_the_day_is_sealed_is_late(world, live):
    shown = world.assign("a", shown=True)
    before = world.counts(live)
    sealed = live.version.sealed_at(TODAY)
    assert world.outcome(shown, sealed - 1, at=NOON + 5) == "recorded"
    world.outcome(shown, sealed, at=NOON + 5, channel="email")
    assert world.outcome(shown, sealed, at=NOON + 5, channel="email") == "late"
    assert world.apart(live) == {"late.help_sought": 2}
    assert world.total(live, "d0") == before.get("d0", 0) + 1
    with pytest.raises(OutcomeRefused):
        world.outcome("a", sealed, at=NOON + 5)


def test_leap_days_and_past_years_can_be_played(world, running, definition):
    leap = 19_782 * DAY + 12 * HOUR  # 2024-02-29
    live = running(definition(), leap)
    world.assign("a", leap, shown=True)
    assert world.outcome("a", leap + 13 * HOUR) == "recorded"
    assert world.assign("a", leap + 25 * HOUR).receipt == "recorded"
    assert [world.total(live, "a", day) for day in (19_782, 19_783)] == [1, 1]


# ----------------------------------------------------------------------------------- exposures, outcomes


def test_exposures_by_token(world, live):
    told = world.assign("a")
    assert [world.expose(told, NOON + later) for later in (1, 2)] == ["recorded", "already"]
    assert (world.total(live, "a"), world.total(live, "e")) == (1, 1)


@pytest.mark.parametrize(("later", "in_time"), [(3600, True), (3601, False)])
def test_a_token_confirms_for_an_hour(world, live, later, in_time):
    told = world.assign("a")
    if in_time:
        assert world.expose(told, NOON + later) == "recorded"
    else:
        with pytest.raises(TokenError) as caught:
            world.expose(told, NOON + later)
        assert caught.value.code == "token-expired"
        assert world.total(live, "e") == 0


def test_tokens_of_others_and_of_the_future_are_refused(world, live):
    told = world.assign("a")
    token = world.token(told)
    before = world.counts(live)
    for purpose_token, partner, now, code in (
        (token, 8, NOON, "token-foreign"),
        (token, 7, NOON - 61, "token-invalid"),
        (world.token(told, "go"), 7, NOON, "token-invalid"),
        (token[:-4] + "AAAA", 7, NOON, "token-invalid"),
        ("", None, NOON, "token-invalid"),
    ):
        with pytest.raises(TokenError) as caught:
            outcomes.expose(world.runtime, purpose_token, partner, now)
        assert caught.value.code == code
    assert world.counts(live) == before
    assert outcomes.expose(world.runtime, token, None, NOON - 60) == "recorded", "a browser, a clock a minute behind"


def test_an_outcome_before_the_beacon_records_the_exposure(world, live):
    told = world.assign("a")
    assert world.outcome(told, NOON + 30) == "recorded"
    assert world.expose(told, NOON + 31) == "already"
    assert [world.total(live, measure) for measure in ("a", "e", "d0")] == [1, 1, 1]


def test_outcomes_by_session_need_an_exposure(world, live):
    world.assign("a")
    before = world.counts(live)
    for session in ("a", "never seen"):
        with pytest.raises(OutcomeRefused) as caught:
            world.outcome(session, NOON + 5)
        assert caught.value.code == "no-exposure"
    assert world.counts(live) == before


@pytest.mark.parametrize("by", ["token", "session"])
def test_outcomes_are_taken_inside_the_window_only(world, live, by):
    told = world.assign("a", shown=True)
    source = told if by == "token" else "a"
    before = world.counts(live)
    for at, code in ((NOON - 11, "no-exposure"), (NOON + 24 * HOUR + 11, "window-closed")):
        with pytest.raises(OutcomeRefused) as caught:
            world.outcome(source, at, at=at)
        assert caught.value.code == code
    assert world.counts(live) == before
    assert world.outcome(source, NOON + 24 * HOUR) == "recorded"
    assert world.outcome(source, NOON + 29 * HOUR, at=NOON + 60) == "already"


def test_call_and_email_of_both_ways_are_one_conversion(world, live):
    told = world.assign("a", shown=True)
    receipts = [
        world.outcome(source, NOON + 5, channel=channel, tier=tier)
        for source in (told, "a") for channel in ("call", "email") for tier in ("attested", "reported")
    ]  # fmt: skip
    assert receipts == ["recorded"] * 4 + ["already"] * 4
    assert [world.total(live, measure) for measure in ("d0", "d1")] == [1, 1]


def test_help_for_young_people_is_no_outcome_of_the_plan(world, live):
    told = world.assign("a", shown=True)
    assert outcomes.young_people_help(world.runtime, told.grant, live, NOON + 5) == "recorded"
    assert world.total(live, "o17") == 1
    assert [world.total(live, f"d{n}") for n in range(3)] == [0, 0, 0]
    sealed = live.version.sealed_at(TODAY)
    assert outcomes.young_people_help(world.runtime, told.grant, live, sealed) == "late"
    assert world.apart(live) == {"late.young_people": 1}


@pytest.mark.parametrize(
    ("outcome", "channel", "code", "pointer"),
    [("help_sought", None, "missing-field", "/channel"), ("left", "call", "channels-not-allowed", "/channel")],
)
def test_channels_belong_to_help_sought(world, live, outcome, channel, code, pointer):
    told = world.assign("a", shown=True)
    with pytest.raises(InvalidInput) as caught:
        outcomes.outcome_by_token(world.runtime, world.token(told), Event(outcome, channel, "reported", NOON), 7, NOON)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_what_has_not_happened_yet_is_refused(world, live):
    told = world.assign("a", shown=True)
    for source in (told, "a"):
        with pytest.raises(InvalidInput) as caught:
            world.outcome(source, NOON, at=NOON + 61)
        assert caught.value.pointer == "/occurred_at"
    assert world.outcome(told, NOON, at=NOON + 60) == "recorded"


def test_a_crossed_report_is_told_and_counted_apart(world, live):
    told = world.assign(of_variant(world, "law"), shown=True)
    wrong = told._replace(grant=told.grant._replace(variant=2))
    before = world.counts(live)
    assert world.outcome(wrong, NOON + 5) == "crossed"
    assert world.expose(wrong, NOON + 5) == "crossed"
    assert world.counts(live) == before | {"x.1": 1}, "once for a unit"


# --------------------------------------------------------------------------------------- repeat triggers


def test_a_repeat_is_counted_once_after_the_pause(world, live):
    world.assign("a", shown=True)
    for later, expected in ((1, 0), (59, 0), (69, 1), (500, 1)):
        world.assign("a", NOON + later)
        assert world.total(live, "o16") == expected
        assert world.total(live, "d2") == expected


def test_a_repeat_needs_a_showing(world, live):
    for later in (0, 100, 200):
        world.assign("a", NOON + later)
    assert world.total(live, "o16") == 0


# ------------------------------------------------------------------------------------------------- views


@pytest.fixture
def view(running, definition):
    return running(definition(unit="view", outcomes={"primary": {"outcome": "help_sought"}}))


def test_a_view_is_written_when_its_token_is_used(world, view):
    told = world.assign("ignored")
    assert (told.receipt, told.in_experiment) == (None, True)
    assert told.session
    assert world.counts(view) == {}
    assert world.expose(told, NOON + 5) == "recorded"
    assert world.outcome(told, NOON + 6) == "recorded"
    assert world.expose(told, NOON + 7) == "already"
    assert [world.total(view, measure) for measure in ("a", "e", "d0")] == [1, 1, 1]


def test_every_view_is_a_unit(world, view):
    tokens = {world.assign("the same").grant.pseudonym for _ in range(10)}
    assert len(tokens) == 10


def test_a_retried_view_is_the_same_unit(world, view):
    told = [world.assign(None, NOON + later, request_id="r-1", shown=True) for later in (0, 5)]
    assert [one.receipt for one in told] == ["recorded", "already"]
    assert told[0].variant == told[1].variant
    assert told[0].grant.pseudonym == told[1].grant.pseudonym
    assert world.total(view, "a") == 1
    later = [world.assign(None, NOON, request_id="r-2") for _ in range(2)]
    assert [world.expose(one, NOON + 5) for one in later] == ["recorded", "already"]


def test_views_cannot_be_recognised_again(world, view):
    told = world.assign(None, shown=True)
    with pytest.raises(InvalidInput) as caught:
        world.outcome(told, NOON + 5, outcome="repeat_trigger")
    assert caught.value.code == "outcome-needs-session"


# ---------------------------------------------------------------------------------- when things are away


def test_without_the_ledger_everybody_gets_the_same_variant(
    start_server, open_store, volatile_server, make_world, definition
):
    server = start_server()
    world = make_world(open_store(server.url, volatile_server.url))
    live = world.run(definition())
    before = {session: world.assign(session).variant for session in SESSIONS[:20]}
    server.stop()
    during = {session: world.assign(session, NOON + 5, shown=True) for session in before}
    assert {session: told.variant for session, told in during.items()} == before
    assert {(told.in_experiment, told.receipt, told.grant.uncounted) for told in during.values()} == {
        (True, "uncounted", True)
    }
    with pytest.raises(StoreUnavailable):
        world.outcome(during[SESSIONS[0]], NOON + 6)
    with pytest.raises(StoreUnavailable):
        world.runtime.refresh(NOON + 6)
    assert world.runtime.degraded
    assert live.version.state == "running"


def test_what_follows_an_uncounted_assignment_enters_no_arm(world, live):
    told = world.assign("a")
    uncounted = told._replace(grant=told.grant._replace(uncounted=True))
    before = world.counts(live)
    assert world.expose(uncounted, NOON + 5) == "uncounted"
    assert world.outcome(uncounted, NOON + 6) == "uncounted"
    assert world.outcome(uncounted, NOON + 6, outcome="left") == "uncounted"
    assert world.counts(live) == before
    assert world.apart(live) == {"outage.exposed": 1, "outage.help_sought": 1, "outage.left": 1}


def test_without_day_keys_nothing_is_counted_and_everything_is_shown(
    ledger, start_server, open_store, make_world, definition
):
    volatile = start_server("--save", "")
    world = make_world(open_store(ledger.url, volatile.url))
    live = world.run(definition(), NOON - 2 * DAY)
    volatile.stop()
    told = world.assign("a", NOON, shown=True)
    assert (told.in_experiment, told.receipt) == (True, "uncounted")
    assert world.counts(live) == {}


def test_a_row_of_a_phase_this_process_has_not_heard_of_is_answered(world, live, make_world):
    behind = make_world(world.store)
    behind.runtime.refresh(NOON)
    world.change(phases.set_traffic, 9000, now=NOON + 5)
    fresh = next(s for s in SESSIONS if world.assign(s, NOON + 6).in_experiment)
    told = behind.assign(fresh, NOON + 7)
    assert (told.in_experiment, told.phase) == (True, 1)


def test_a_resource_taken_out_of_the_directory_costs_nobody_the_warning(world, running, definition, directory):
    running(definition(help=["young-line"]))
    rest = [resource for resource in directory.resources if resource.key != "young-line"]
    world.runtime.directory = type(directory)(schema=1, young_people=directory.young_people, resources=rest)
    told = world.assign("a", shown=True)
    assert told.in_experiment
    assert [resource.key for resource in told.resources] == ["helpline"], "the default help stands in"
