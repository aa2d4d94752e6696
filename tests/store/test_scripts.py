"""What the scripts promise, on Redis 6.2, on 7.0 and on a cluster of three masters.

The clock is a parameter: TODAY is an arbitrary day of 2024.
"""

from itertools import product

import pytest

from experiments.store import keys
from experiments.store.acts import apart
from experiments.store.rows import REPEAT_BIT, YOUNG_PEOPLE_BIT, Row, outcome_bit
from experiments.store.scripts import Script

DAY, HOUR = 86_400, 3_600
TODAY = 20_000
MIDNIGHT = TODAY * DAY
NOON = MIDNIGHT + 12 * HOUR
CALL, CALL_REPORTED = outcome_bit("help_sought", "call", "attested"), outcome_bit("help_sought", "call", "reported")
EMAIL, LEFT = outcome_bit("help_sought", "email", "attested"), outcome_bit("left", None, "reported")
TWO_DAYS = (TODAY, TODAY - 1)
ROW = Row(1, 0, 0, 0)
HIGHEST = Row(31, 1023, 15, 20)


# ---------------------------------------------------------------------------------------- assign


def test_assigning_again_counts_nothing(counting):
    first, again = [counting.assign("a", row=ROW, shown=False) for _ in range(2)]
    assert (first.code, again.code) == (1, 0)
    assert (first.word, first.day) == (ROW.word(), TODAY)
    assert counting.ledger.fullest_page >= 1
    assert (again.word, again.day) == (ROW.word(), TODAY)
    assert counting.counts() == {"0.1.0.0.a": 1, "l.1.en": 1}
    assert counting.agrees()


def test_a_message_shown_with_the_assignment_is_exposed_once(counting):
    assert [counting.assign("a", row=ROW).code for _ in range(3)] == [1, 0, 0]
    assert counting.counts() == {"0.1.0.0.a": 1, "0.1.0.0.e": 1, "l.1.en": 1, "n.1.1": 1}
    assert counting.agrees()


def test_a_known_unit_shown_later_tells_so(counting):
    counting.assign("a", shown=False)
    assert counting.assign("a").code == 3
    assert counting.counts()["0.0.0.0.e"] == 1
    assert counting.agrees()


def test_fields_at_their_limits_are_counted_where_they_belong(counting):
    assert counting.assign("a", row=HIGHEST, closed=range(31)).code == 1
    assert counting.outcome("a", YOUNG_PEOPLE_BIT, row=HIGHEST) == 1
    assert counting.assign("a", row=ROW).word == HIGHEST.word()
    cell = "1023.31.15.20."
    assert counting.counts() == {f"{cell}a": 1, f"{cell}e": 1, f"{cell}o17": 1, "l.31.en": 1, "n.31.1": 1}
    assert counting.agrees()


def test_a_row_keeps_its_variant_when_weights_and_traffic_change(counting):
    counting.assign("a", row=Row(2, 0, 0, 0))
    assert counting.assign("a", row=Row(0, 1, 0, 0)).word == Row(2, 0, 0, 0).word()
    assert counting.assign("a", row=None).word == Row(2, 0, 0, 0).word()
    assert counting.counts()["0.2.0.0.a"] == 1
    assert counting.agrees()


def test_out_of_traffic_makes_no_row_and_no_key(counting):
    assert counting.assign("a", row=None).code == -1
    assert counting.kind.all_keys() == set()


def test_a_unit_of_a_closed_arm_is_known_but_not_shown_again(counting):
    counting.assign("a", row=ROW)
    counting.assign("b", row=ROW, shown=False)
    before = counting.counts()
    assert counting.assign("a", row=Row(0, 1, 0, 0), closed=[1], at=NOON + 30).code == 2
    assert counting.assign("b", row=Row(0, 1, 0, 0), closed=[1], at=NOON + 30).code == 2
    assert counting.counts() == before
    assert counting.outcome("a", CALL, at=NOON + 40) == 1
    assert counting.counts()["0.1.0.0.d0"] == 1
    assert counting.agrees()


@pytest.mark.parametrize("arm", [0, 1, 30, 31])
def test_only_the_closed_arm_is_closed(on_one, arm):
    others = [other for other in range(32) if other != arm]
    for other in others:
        on_one.assign(f"unit of {other}", row=Row(other, 0, 0, 0))
    on_one.assign("a", row=Row(arm, 0, 0, 0))
    assert on_one.assign("a", closed=[arm]).code == 2
    assert {on_one.assign(f"unit of {other}", closed=[arm]).code for other in others} == {0}


# ---------------------------------------------------------------------------- days and their ends


def test_the_variant_stays_over_midnight(counting):
    counting.assign("a", at=MIDNIGHT - 1, days=(TODAY - 1,), row=ROW)
    told = counting.assign("a", at=MIDNIGHT, days=TWO_DAYS, row=Row(0, 1, 0, 0))
    assert (told.code, told.word, told.day) == (0, ROW.word(), TODAY - 1)
    assert counting.counts(TODAY) == {}
    assert counting.outcome("a", CALL, at=MIDNIGHT + 5, days=TWO_DAYS) == 1
    assert counting.counts(TODAY - 1)["0.1.0.0.d0"] == 1
    assert counting.agrees(TODAY - 1)


@pytest.mark.parametrize(("later", "code"), [(HOUR, 0), (HOUR + 1, 1)])
def test_an_older_row_lasts_as_long_as_its_window(counting, later, code):
    shown = MIDNIGHT - 20
    counting.assign("a", at=shown, days=(TODAY - 1,), window=HOUR)
    assert counting.assign("a", at=shown + later, days=TWO_DAYS, window=HOUR).code == code


@pytest.mark.parametrize(("later", "code"), [(HOUR, 0), (HOUR + 1, 1)])
def test_an_older_row_never_shown_lasts_as_long_as_its_token(counting, later, code):
    counting.assign("a", at=MIDNIGHT - 20, days=(TODAY - 1,), shown=False)
    assert counting.assign("a", at=MIDNIGHT - 20 + later, days=TWO_DAYS, shown=False).code == code


def test_a_newer_token_keeps_the_row_longer(counting):
    counting.assign("a", at=MIDNIGHT - 50 * 60, days=(TODAY - 1,), shown=False)
    counting.assign("a", at=MIDNIGHT - 10 * 60, days=(TODAY - 1,), shown=False)
    assert counting.assign("a", at=MIDNIGHT + 45 * 60, days=TWO_DAYS).code == 3
    assert counting.counts(TODAY) == {}


def test_the_newest_row_is_used(counting):
    counting.assign("a", at=NOON - DAY, days=(TODAY - 1,), row=ROW, window=HOUR)
    counting.assign("a", at=NOON, days=TWO_DAYS, row=Row(2, 0, 0, 0), window=HOUR)
    assert counting.assign("a", at=NOON + 1, days=TWO_DAYS, window=HOUR).word == Row(2, 0, 0, 0).word()
    assert counting.outcome("a", CALL, at=NOON + 2, days=TWO_DAYS, window=HOUR) == 1
    assert counting.counts(TODAY)["0.2.0.0.d0"] == 1
    assert "0.1.0.0.d0" not in counting.counts(TODAY - 1)


def test_an_outcome_reported_late_belongs_to_the_exposure_before_it(counting):
    counting.assign("a", at=NOON - DAY, days=(TODAY - 1,), row=ROW, window=12 * HOUR)
    counting.assign("a", at=NOON, days=TWO_DAYS, row=Row(2, 0, 0, 0), window=12 * HOUR)
    assert counting.outcome("a", CALL, at=NOON - DAY + HOUR, days=TWO_DAYS, window=12 * HOUR) == 1
    assert counting.counts(TODAY - 1)["0.1.0.0.d0"] == 1
    assert "0.2.0.0.d0" not in counting.counts(TODAY)


def test_pages_expire_with_their_day_and_counters_never(counting):
    counting.assign("a")
    counting.assign("a")
    page, counters = counting.slot("a").keys
    holder = counting.kind.holder(page)
    assert 30 * HOUR - 60 < holder.ttl(page) <= 30 * HOUR
    holder.expire(page, 1000)
    counting.expose("a", at=NOON + 1000)
    counting.outcome("a", CALL)
    assert 0 < holder.ttl(page) <= 1000, "the lifetime is set once, relative to the time passed in"
    assert holder.ttl(counters) == -1


def test_losing_a_page_leaves_the_counters(on_one):
    on_one.assign("a")
    before = on_one.counts()
    on_one.kind.clients[0].delete(on_one.slot("a").keys[0])
    assert on_one.counts() == before
    assert on_one.outcome("a", CALL) == -1


@pytest.mark.parametrize(
    "day", [0, 365, 11_016, 19_781, 47_481], ids=["1970", "1971", "2000-02-29", "2024-02-28", "2099"]
)
def test_any_day_can_be_played(on_one, day):
    start, days = day * DAY, (day,)
    assert on_one.assign("a", at=start, days=days).code == 1
    assert on_one.assign("a", at=start + DAY - 1, days=days, shown=False).code == 0
    assert on_one.outcome("a", CALL, at=start + DAY - 1, days=days) == 1
    assert on_one.counts(day)["0.0.0.0.d0"] == 1
    assert on_one.agrees(day)
    assert [row.step for row in on_one.rows(day)] == [0]


# ------------------------------------------------------------------------------- repeat triggers


def test_a_session_that_comes_back_is_a_repeat_once(counting):
    counting.assign("a")
    for later in (0, 1, 59, 69, 1000, 2000):
        counting.assign("a", at=NOON + later, shown=False)
    counted = counting.counts()
    assert (counted["0.0.0.0.o16"], counted["0.0.0.0.d2"]) == (1, 1)
    assert counting.agrees()


@pytest.mark.parametrize("pause", [1, 5, 60, 3600])
@pytest.mark.parametrize("second", range(10))
def test_a_repeat_never_counts_before_the_pause(on_one, pause, second):
    shown = NOON + second
    on_one.assign("a", at=shown, pause=pause)
    on_one.assign("a", at=shown + pause - 1, pause=pause)
    assert f"0.0.0.0.o{REPEAT_BIT}" not in on_one.counts()
    on_one.assign("a", at=shown + pause + 9, pause=pause)  # the first showing is known to ten seconds
    assert on_one.counts()[f"0.0.0.0.o{REPEAT_BIT}"] == 1


def test_coming_back_without_having_been_shown_is_no_repeat(counting):
    for later in (0, 100, 1000):
        counting.assign("a", at=NOON + later, shown=False)
    assert counting.counts() == {"0.0.0.0.a": 1, "l.0.en": 1}
    counting.expose("a", at=NOON + 1001)
    counting.assign("a", at=NOON + 1030, shown=False)
    assert "0.0.0.0.o16" not in counting.counts()


def test_no_repeat_after_the_window(counting):
    counting.assign("a", at=MIDNIGHT, window=HOUR)
    counting.assign("a", at=MIDNIGHT + HOUR + 11, window=HOUR)
    assert "0.0.0.0.o16" not in counting.counts()


def test_views_never_repeat(counting):
    counting.assign("a", pause=-1)
    counting.assign("a", at=NOON + 1000, pause=-1)
    assert counting.counts() == {"0.0.0.0.a": 1, "0.0.0.0.e": 1, "l.0.en": 1, "n.0.1": 1}


def test_a_closed_arm_still_counts_repeats(counting):
    counting.assign("a", row=ROW)
    counting.assign("a", at=NOON + 100, closed=[1])
    counted = counting.counts()
    assert counted["0.1.0.0.d2"] == 1
    assert "n.1.2" not in counted, "the fallback is no further showing of the arm"


def test_times_shown_are_counted_up_to_three(counting):
    for later in (0, 1, 69, 129, 1000):
        counting.assign("a", at=NOON + later)
    counted = counting.counts()
    assert [counted.get(f"n.0.{time}") for time in (1, 2, 3, 4)] == [1, 1, 1, None]
    assert counted["0.0.0.0.e"] == 1
    assert counting.agrees()


# --------------------------------------------------------------------------------------- exposures


def test_an_exposure_is_counted_once(counting):
    counting.assign("a", row=ROW, shown=False)
    assert [counting.expose("a", row=ROW, at=NOON + later) for later in (3, 3, 10)] == [1, 0, 0]
    assert counting.counts() == {"0.1.0.0.a": 1, "0.1.0.0.e": 1, "l.1.en": 1, "n.1.1": 1}
    assert counting.agrees()


def test_a_token_sent_again_is_no_further_showing(counting):
    for later in (0, 60, 130, 3000):
        counting.expose("a", at=NOON + 5 + later, issued=NOON)
    assert "n.0.2" not in counting.counts()
    counting.expose("a", at=NOON + 95, issued=NOON + 90)
    assert counting.counts()["n.0.2"] == 1
    assert counting.agrees()


def test_an_exposure_writes_the_row_of_its_token(counting):
    assert [counting.expose("a", row=HIGHEST) for _ in range(2)] == [1, 0]
    assert counting.counts() == {"1023.31.15.20.a": 1, "1023.31.15.20.e": 1, "n.31.1": 1}
    assert counting.agrees()


def test_a_token_that_contradicts_the_row_is_crossed(counting):
    counting.assign("a", row=ROW, shown=False)
    assert counting.expose("a", row=Row(2, 0, 0, 0)) == -3
    assert counting.outcome("a", CALL, row=Row(2, 0, 0, 0)) == -3
    assert counting.assign("a", row=Row(2, 0, 0, 0), claimed=True).code == -3
    assert counting.counts() == {"0.1.0.0.a": 1, "l.1.en": 1, "x.1": 1}, "counted once for a unit"
    assert counting.agrees()


# ---------------------------------------------------------------------------------------- outcomes


def test_call_and_email_are_one_conversion(counting):
    counting.assign("a")
    assert [counting.outcome("a", bit) for bit in (CALL, EMAIL, CALL_REPORTED)] == [1, 1, 1]
    assert [counting.outcome("a", bit) for bit in (CALL, EMAIL, CALL_REPORTED)] == [0, 0, 0]
    counted = counting.counts()
    assert {name: n for name, n in counted.items() if name.startswith("0.0.0.0.")} == {
        "0.0.0.0.a": 1, "0.0.0.0.e": 1, "0.0.0.0.d0": 1, "0.0.0.0.d1": 1,
        "0.0.0.0.o0": 1, "0.0.0.0.o1": 1, "0.0.0.0.o3": 1,
    }  # fmt: skip
    assert counting.agrees()


def test_each_definition_looks_at_its_own_channels_and_tiers(counting):
    for name, bit in (
        ("a", CALL_REPORTED),
        ("b", CALL),
        ("c", LEFT),
        ("d", outcome_bit("help_sought", "chat", "attested")),
    ):
        counting.assign(name)
        assert counting.outcome(name, bit) == 1
    counted = counting.counts()
    assert [counted.get(f"0.0.0.0.d{n}", 0) for n in range(4)] == [3, 1, 0, 1]
    assert counting.agrees()


@pytest.mark.parametrize("bit", range(18))
def test_every_bit_is_counted_once(on_one, bit):
    on_one.assign("a")
    assert [on_one.outcome("a", bit) for _ in range(3)] == [1, 0, 0]
    assert on_one.counts()[f"0.0.0.0.o{bit}"] == 1
    assert on_one.agrees()


@pytest.mark.parametrize("known", [True, False], ids=["row", "no row"])
def test_an_outcome_by_token_records_the_missing_exposure(counting, known):
    if known:
        counting.assign("a", row=ROW, shown=False)
    assert counting.outcome("a", CALL, row=ROW, at=NOON + 60) == 1
    assert counting.expose("a", row=ROW, at=NOON + 61) == 0, "the beacon comes after it, and is known already"
    counted = counting.counts()
    assert (counted["0.1.0.0.a"], counted["0.1.0.0.e"], counted["0.1.0.0.d0"]) == (1, 1, 1)
    assert counting.agrees()


def test_the_window_of_such_an_exposure_starts_with_the_token(counting):
    assert counting.outcome("a", CALL, row=ROW, issued=NOON, at=NOON + HOUR, window=HOUR) == 1
    assert counting.outcome("a", EMAIL, row=ROW, issued=NOON, at=NOON + HOUR + 11, window=HOUR) == -2


def test_a_refused_outcome_changes_nothing(counting):
    counting.assign("shown", window=HOUR)
    counting.assign("assigned", shown=False)
    before, rows = counting.counts(), sorted(row.pack() for row in counting.rows())
    told = {
        "never seen": counting.outcome("nobody", CALL),
        "not shown": counting.outcome("assigned", CALL),
        "too early": counting.outcome("shown", CALL, at=NOON - 11),
        "too late": counting.outcome("shown", CALL, at=NOON + HOUR + 11, window=HOUR),
        "too late by token": counting.outcome("shown", CALL, at=NOON + HOUR + 11, row=Row(0, 0, 0, 0), window=HOUR),
        "old token, no row": counting.outcome("nobody", CALL, at=NOON + HOUR + 11, row=ROW, window=HOUR),
    }
    assert told == {
        "never seen": -1, "not shown": -1, "too early": -1, "too late": -2, "too late by token": -2,
        "old token, no row": -2,
    }  # fmt: skip
    assert counting.counts() == before
    assert sorted(row.pack() for row in counting.rows()) == rows


@pytest.mark.parametrize(("later", "code"), [(0, 1), (HOUR, 1), (HOUR + 10, 1), (HOUR + 11, -2)])
def test_the_window_is_closed_with_the_steps_tolerance(counting, later, code):
    counting.assign("a", window=HOUR)
    assert counting.outcome("a", CALL, at=NOON + later, window=HOUR) == code


def test_times_are_kept_in_ten_second_steps_only(on_one):
    for second in range(10):
        on_one.assign(f"unit {second}", at=NOON + second)
    assert {row.step for row in on_one.rows()} == {12 * HOUR // 10}


# ---------------------------------------------------------------------------------- the calls as such


def test_cells_are_kept_apart(on_one):
    cells = [Row(*fields) for fields in product((0, 31), (0, 1023), (0, 15), (0, 20))]
    for number, row in enumerate(cells):
        on_one.assign(f"unit {number}", row=row)
    counted = on_one.counts()
    assert {counted[f"{r.phase}.{r.variant}.{r.surface}.{r.stratum}.e"] for r in cells} == {1}
    assert on_one.agrees()


def test_locales_are_counted_apart_from_cells(on_one):
    on_one.assign("a", locale="en")
    on_one.assign("b", locale="pt-BR")
    on_one.assign("b", locale="en")
    counted = on_one.counts()
    assert (counted["l.0.en"], counted["l.0.pt-BR"]) == (1, 1)


def test_every_key_is_of_the_shard(counting):
    counting.assign("a")
    counting.expose("a")
    counting.outcome("a", CALL, row=ROW)
    counting.ledger.write(apart("{e.1.0}", "late.help_sought"))
    counting.ledger.open_day("{e.1.0}", TODAY, 4)
    assert {key.decode().partition("}")[0] for key in counting.kind.all_keys()} == {"sp:{e.1.0"}


def test_a_server_that_forgot_the_scripts_is_told_again(counting):
    counting.assign("a")
    for client in counting.kind.clients:
        client.script_flush()
    assert counting.assign("a").code == 0
    assert counting.outcome("a", CALL) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("assign", ("--   places", "-- Returns")),
        ("expose", ("--   places", "-- Returns")),
        ("outcome", ("--   places", "-- Returns")),
        ("batch", ("-- KEYS", "-- ARGV", "-- Returns")),
        ("save_experiment", ("-- KEYS", "-- ARGV", "-- Returns")),
    ],
)
def test_scripts_say_what_they_take_and_return(name, told):
    text = Script(name).text
    for word in told:
        assert word in text
    assert "math.random" not in text
    assert "TIME" not in text.replace("EXPIRE", "")


def test_the_first_to_open_a_day_fixes_its_pages(counting):
    assert counting.ledger.open_day("{e.1.0}", TODAY, 12) == 12
    assert counting.ledger.open_day("{e.1.0}", TODAY, 99) == 12
    assert counting.ledger.open_day("{e.1.0}", TODAY + 1, 99) == 99


def test_units_of_a_day_are_those_assigned(counting):
    for name in ("a", "b", "c"):
        counting.assign(name, shown=name == "a")
    counting.outcome("a", CALL)
    assert counting.ledger.units_on("{e.1.0}", TODAY) == 3
    assert counting.ledger.units_on("{e.1.0}", TODAY - 1) == 0


def test_pages_stay_in_the_compact_encoding(on_one):
    for number in range(300):
        on_one.assign(f"unit {number}")
    page = keys.page("{e.1.0}", TODAY, 0)
    assert on_one.kind.clients[0].object("encoding", page) in (b"listpack", b"ziplist")
