"""The page of a result in every state: the same figures as the JSON, in words that anybody understands."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from app import create_app
from app.language import number
from app.settings import Settings
from experiments.model import DAY
from experiments.results import result
from experiments.store import keys
from tests import result_states
from tests.http.conftest import NOON, Clock, Service

SAYS = {
    "not-started": ("This experiment has not started yet.", "Not yet."),
    "nothing-sealed": ("Still collecting", "Not yet."),
    "collecting": ("Still collecting", "Not yet."),
    "narrowed": ("Could still be best: “harm”, “help”.", "Not yet."),
    "winner": ("Winner: the message “help”.", "Yes."),
    "winner-on-clicks": ("Winner on clicks: the message “help”.", "Not on clicks alone."),
    "practically-equal": ("The messages work practically equally well.", "Yes."),
    "no-clear-winner": ("No clear winner", "No change."),
    "stopped-for-safety": ("Stop for safety: after “help”", "Yes, now."),
    "suspended": ("Suspended", "Not now."),
    "blocked": ("Blocked", "No."),
    "simulated": ("Winner: the message “help”.", "Yes."),
    "two-versions": ("Started, but nobody has been shown its messages yet.", "Not yet."),
    "closed-arm": ("Could still be best", "Not yet."),
    "fixed": ("Still collecting", "Not yet."),
    "concluded": ("Winner: the message “help”.", "It is decided."),
}
"""First sentence, and the answer to "may I act?"."""
STATISTICS = re.compile(r"\bp\b ?[=<]|p-value|significan|e-value|χ²|null hypothesis|confidence interval", re.IGNORECASE)


@pytest.fixture
def played(empty):
    """Plays an experiment into a state, and returns its path."""

    def play(name: str) -> str:
        key = result_states.play(empty.runtime, name, NOON)
        empty.runtime.refresh(NOON)
        return f"/experiments/{key}"

    return play


def text(page) -> str:
    """What a person reads, without pictures."""
    body = re.sub(r"<(svg|script)\b.*?</\1>", " ", page.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).replace(" .", ".")


def test_every_state_is_expected_to_say_something():
    assert SAYS.keys() == result_states.STATES.keys()


@pytest.mark.parametrize("name", SAYS)
def test_the_first_sentence_and_the_answers(empty, played, name):
    page = empty.get(played(name))
    assert page.status_code == 200
    first, act = SAYS[name]
    status = page.text.partition('<section class="status')[2].partition("</section>")[0]
    told = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", status)))
    assert first in told
    assert re.search(r"Which message\?.*How sure\?.*May I act\?", told)
    assert told.partition("May I act?")[2].strip().startswith(act)
    assert not STATISTICS.search(text(page)), "these words are for the technical view"
    assert "<script" not in page.text
    assert " style=" not in page.text


@pytest.mark.parametrize("name", ["winner", "fixed", "blocked", "not-started"])
def test_the_technical_view_has_every_comparison(empty, played, name):
    path = played(name)
    page, found = empty.get(f"{path}/technical"), empty.get(f"/v1{path}/results").json
    assert page.status_code == 200
    for pair in found["pairs"]:
        assert f"{pair['a']} / {pair['b']}" in page.text
    assert "Plan against reality" in page.text


def test_the_parts_come_in_the_order_of_the_questions(empty, played):
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", empty.get(played("winner")).text)
    assert [unescape(title) for title in titles] == [
        "Sought help, by message", "How strong is the evidence?", "Helping and deterring", "Did anything get worse?",
        "How they did it, and who says so", "When will there be a verdict?", "Is the traffic split as planned?",
        "Who looked, and what was not as planned", "Today and other open days", "What a crash could lose, and what waits",
    ]  # fmt: skip


def test_figures_are_those_of_the_json(empty, played):
    path = played("winner")
    found, page = empty.get(f"/v1{path}/results").json, empty.get(path)
    rows = page.text.partition('<table class="cards messages">')[2].partition("</table>")[0].split("<tr>")[2:]
    assert len(rows) == len(found["arms"]) == 5
    against = {pair["a"]: pair for pair in found["pairs"] if pair["b"] == found["control"]}
    with empty.app.test_request_context():
        for row, arm in zip(rows, found["arms"], strict=True):
            assert f">{number(arm['units'])}<" in row
            assert f">{number(arm['conversions'])}<" in row
            assert f"{arm['rate_per_10000']:.1f}" in row
            pair = against.get(arm["variant"])
            if pair:
                low, high = pair["ratio_cs"]
                assert f"{pair['ratio']:.2f} (between {low:.2f} and {high:.2f}, safe to check any time)" in row
            for message in found["messages"][arm["variant"]].values():
                assert message["title"] in unescape(row)
                assert message["body"].split("\n\n")[-1] in unescape(row)


def test_a_message_is_shown_in_the_reading_direction_of_its_language(empty, played):
    page = empty.get(played("collecting"))
    assert page.text.count('lang="ar" dir="rtl"') == 5


def test_helping_and_deterring_stand_side_by_side(empty, played):
    page = empty.get(played("winner")).text
    both = page.partition('<div class="side-by-side">')[2].partition("</div>\n</div>")[0]
    helping, _, deterring = both.partition("Did people stop?")
    assert "Contact" in helping
    assert "Triggered the warning again" not in helping
    assert "Triggered the warning again" in deterring
    assert "Went on" in deterring
    assert "Contact" not in deterring


def test_today_is_rounded_and_hidden_below_ten(empty, played):
    path = played("collecting")
    found, page = empty.get(f"/v1{path}/results").json, empty.get(path).text
    shown = page.partition('<div class="provisional">')[2].partition("</table>")[0]
    assert f"about {found['provisional'][0]['units']}<" in shown
    assert all(int(n) % 5 == 0 for n in re.findall(r"about (\d+)", shown))
    assert not re.search(r"best|winner|times", shown), "no verdict on open days"


def test_a_broken_split_leaves_nothing_to_compare(empty, played):
    said = text(empty.get(played("blocked")))
    assert "cannot be compared" in said
    assert "“help” reached more people than planned" in said
    assert "safe to check any time" not in said.partition("Who looked")[0].partition("Is the traffic")[0]


def test_simulated_figures_say_so_before_anything_else(empty, played):
    page = empty.get(played("simulated")).text
    assert page.index("These figures are simulated") < page.index("Winner")


def test_versions_can_be_switched(empty, played):
    path = played("two-versions")
    page = empty.get(path).text
    assert '<a href="?version=1">1 (stopped)</a>' in page
    first = empty.get(f"{path}?version=1")
    assert "Winner: the message" in first.text
    assert f'href="{path}/technical?version=1"' in first.text
    assert empty.get(f"{path}?version=x", headers={"Accept": "text/html"}).status_code == 422
    assert empty.get(f"{path}?version=9", headers={"Accept": "text/html"}).status_code == 404


def test_a_closed_message_is_no_longer_shown_and_is_a_deviation(empty, played):
    said = text(empty.get(played("closed-arm")))
    assert "closed: no longer shown" in said
    assert "The variant 'law' was closed by hand." in said


def test_a_forecast_is_a_range_of_dates(empty, played):
    said = text(empty.get(played("collecting")))
    assert re.search(
        r"there is a verdict around \d+ \w+ 202\d \(between \d+ \w+ 202\d and (\d+ \w+ 202\d|more than)", said
    )
    assert "the planned size is reached around" in text(empty.get(played("fixed")))


def test_the_evidence_is_a_scale_that_is_read_aloud(empty, played):
    page = empty.get(played("collecting")).text
    assert re.search(r'role="meter"[^>]*aria-valuenow="0[.\d]*" aria-valuetext="no evidence"', page)
    page = empty.get(played("winner")).text
    assert re.search(r'role="meter"[^>]*aria-valuenow="1.0" aria-valuetext="enough to decide"', page)
    assert 'role="meter"' not in empty.get(played("blocked")).text


def test_a_look_is_written_down_once_for_each_sealed_day(empty, played):
    path = played("collecting")
    assert "Nobody has looked at it while it ran." in text(empty.get(path))
    for _ in range(3):
        page = empty.get(path)
    assert "1 look at this result while it ran" in page.text
    assert "Staff" in page.text
    empty.clock.now += DAY
    empty.get(path)
    assert "2 looks at this result while it ran" in empty.get(path).text
    found = empty.get(f"/v1{path}/results").json["looked"]
    assert [look["who"] for look in found] == ["Staff", "Staff"]


def test_a_figure_as_of_another_time_is_no_look(empty, played):
    path = played("collecting")
    empty.get(f"{path}?as_of=%2B86400")
    assert empty.get(f"/v1{path}/results").json["looked"] == []


def test_numbers_and_dates_are_written_as_the_reader_does(empty, played):
    path = played("winner")
    units = empty.get(f"/v1{path}/results").json["arms"][0]["units"]
    british = empty.get(path, headers={"Accept-Language": "en-GB"}).text
    swiss = empty.get(path, headers={"Accept-Language": "en-CH"}).text
    assert f">{units:,}<" in british
    assert f">{units:,}<".replace(",", "’") in swiss


def test_a_picture_that_fails_does_not_hide_the_figures(empty, played, monkeypatch):
    def fails(*_):
        raise RuntimeError

    monkeypatch.setattr("app.review.pictures.picture", fails)
    path = played("winner")
    page = empty.get(path)
    assert page.status_code == 200
    for arm in empty.get(f"/v1{path}/results").json["arms"]:
        assert f"{arm['rate_per_10000']:.1f}" in page.text


def test_pictures_stand_with_their_figures(empty, played):
    page = empty.get(played("winner")).text
    assert page.count("<figure") == page.count("The figures of this picture") == 5
    assert "<figure" not in empty.get(played("nothing-sealed")).text


class TestWithoutTheLedger:
    """What people see while it does not answer."""

    @pytest.fixture
    def outage(self, start_server, open_store, volatile_server, files, tmp_path):
        """A service with an experiment that has a winner, on a ledger of its own; its path; and the ledger."""
        server = start_server()
        store = open_store(server.url, volatile_server.url, budget=0.5)
        clock = Clock()
        own = {**files, "SIGNPOST_SPOOL": str(tmp_path / "spool")}
        service = Service(create_app(Settings.read(own), store=store, clock=clock), clock, server.client())
        key = result_states.play(service.runtime, "winner", NOON)
        service.runtime.refresh(NOON)
        return service, f"/experiments/{key}", server

    def test_the_last_good_figures_are_shown_with_their_time(self, outage):
        service, path, server = outage
        before = service.get(path)
        service.clock.now += 600
        server.stop()
        page = service.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 503
        said = text(page)
        assert "Live figures are not available now." in said
        assert "as it was last read, 24 Nov 2026, 12:00 UTC" in said
        assert "Winner: the message “help”." in said
        assert "Live figures" not in before.text
        assert service.get(f"{path}/technical", headers={"Accept": "text/html"}).status_code == 503
        assert service.get(f"/v1{path}/results").status_code == 503, "programs are not given old figures"

    def test_without_any_earlier_figures_a_page_says_what_is_the_case(self, outage):
        service, path, server = outage
        service.get("/v1/experiments")
        server.stop()
        page = service.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert page.content_type == "text/html; charset=utf-8"
        assert "Traceback" not in page.text
        assert "Winner" not in page.text


def test_open_days_are_of_now_although_the_report_is_kept(empty, played):
    """Kept or made anew, a result is the same."""
    path = played("collecting")
    tag = keys.tag("state-collecting", 1, empty.runtime.store.documents.experiment("state-collecting").latest.tags[0])
    first = empty.get(f"/v1{path}/results").json
    empty.ledger.hincrby(keys.counts(tag, NOON // DAY), "0.2.0.0.a", 500)
    empty.ledger.hincrby(keys.counts(tag, NOON // DAY), "0.2.0.0.e", 500)
    empty.clock.now += 10
    kept = empty.get(f"/v1{path}/results").json
    assert kept["provisional"] != first["provisional"]
    anew = result(empty.runtime.store, "state-collecting", now=empty.clock.now).to_dict()
    assert kept == json.loads(json.dumps(anew))
