"""Who approves what, for how long; what a start without it says."""

import datetime as dt

import pytest

from experiments import approval, lifecycle, phases, spec
from experiments.approval import HOLDS_DAYS
from experiments.errors import InvalidDefinition, InvalidInput, Refused, Stale
from experiments.lifecycle import Actor
from experiments.model import DAY, Approval

NOW = 20_781 * DAY + 43_200
NO_WARNING = {
    "committee": "REC", "reference": "2026/7", "expires": "2035-01-01", "control": "no warning",
    "reason": "Nobody knows yet whether any warning is better than none.",
}  # fmt: skip


def by(name, days=0, why=None):
    return Actor(name, NOW + days * DAY, why)


def submitted(definition, author="ann", asks="ann"):
    draft = lifecycle.apply(None, definition, by(author), version_id=1).experiment
    return lifecycle.submit(draft, by(asks)).experiment


def approve(experiment, name, days=0, locales=None):
    return lifecycle.approve(experiment, by(name, days), locales=locales).experiment


def start(experiment, days=0, **options):
    return lifecycle.start(experiment, by("ann", days), key="1.wrapped", **options).experiment


# ------------------------------------------------------------------------------------------- by locale


def test_one_act_approves_every_locale_by_name_and_date(definition):
    version = approve(submitted(definition()), "bob").latest
    assert version.state == "approved"
    assert version.approvals == tuple(
        Approval(who="bob", at=NOW, locale=tag, texts=approval.texts_hash(version.definition, tag))
        for tag in ("en", "de")
    )


def test_a_version_is_approved_with_its_last_locale(definition):
    one = approve(submitted(definition()), "bob", locales=["de"])
    assert one.latest.state == "in_review"
    assert approval.missing(one.latest, NOW).startswith("the texts in 'en' are not approved. Next: ")
    with pytest.raises(Refused, match="version 1 is in review; the texts in 'en' are not approved") as caught:
        start(one)
    assert caught.value.code == "transition-refused"
    both = lifecycle.approve(one, by("cid"), locales=["en"])
    assert both.experiment.latest.state == "approved"
    assert both.entry.details == {"locales": "en"}
    assert start(both.experiment).latest.state == "running"


def test_a_locale_that_is_not_served_needs_no_approval_and_gets_none(definition):
    asked = submitted(definition(locales={"de": {"reviewed": False}}))
    with pytest.raises(InvalidInput, match="'de'") as caught:
        approve(asked, "bob", locales=["de"])
    assert caught.value.pointer == "/locales"
    with pytest.raises(InvalidInput, match="at least one"):
        approve(asked, "bob", locales=[])
    assert approve(asked, "bob", locales=["en"]).latest.state == "approved"


def test_the_hash_is_of_the_texts_of_the_locale_alone(definition, document):
    one = definition()
    changed = document()
    changed["variants"][1]["messages"]["de"]["body"] = "Another text"
    two = spec.parse(changed)
    assert approval.texts_hash(one, "de") != approval.texts_hash(two, "de")
    assert approval.texts_hash(one, "en") == approval.texts_hash(two, "en")
    assert approval.texts_hash(one, "en") == approval.texts_hash(definition(title="Another title"), "en")


def test_an_approval_of_other_texts_counts_for_nothing(definition):
    approved = approve(submitted(definition()), "bob")
    stale = [a.model_copy(update={"texts": "0" * 64}) if a.locale == "de" else a for a in approved.latest.approvals]
    version = approved.latest.model_copy(update={"approvals": tuple(stale)})
    with pytest.raises(Refused, match="'de'") as caught:
        start(approved.model_copy(update={"versions": (version,)}))
    assert caught.value.code == "approval-missing"


# --------------------------------------------------------------------------------------------- by whom


@pytest.mark.parametrize(("author", "asks", "name", "why"), [
    ("ann", "ann", "ann", "asked"), ("ann", "bob", "bob", "asked"), ("ann", "bob", "ann", "wrote the texts"),
])  # fmt: skip
def test_nobody_approves_what_they_wrote_or_asked_for(definition, author, asks, name, why):
    asked = submitted(definition(), author, asks)
    with pytest.raises(Refused, match=r"somebody else must approve. Next: ") as caught:
        approve(asked, name)
    assert caught.value.code == "own-approval"
    assert approve(asked, "cid").latest.state == "approved"
    assert f"{name} {why}" in caught.value.detail


def test_whoever_wrote_the_texts_stays_their_author_when_somebody_else_changes_the_rest(definition):
    draft = lifecycle.apply(None, definition(), by("ann"), version_id=1).experiment
    draft = lifecycle.apply(draft, definition(title="Better"), by("bob"), version_id=2).experiment
    assert (draft.latest.texts_by, draft.latest.changed_by) == ("ann", "bob")
    asked = lifecycle.submit(draft, by("cid")).experiment
    for name in ("ann", "bob", "cid"):
        with pytest.raises(Refused):
            approve(asked, name)
    assert approve(asked, "dan").latest.state == "approved"


def test_a_new_version_with_the_same_texts_keeps_their_author(definition):
    running = start(approve(submitted(definition()), "bob"))
    two = lifecycle.apply(running, definition(title="Two"), by("bob"), version_id=2).experiment
    assert (two.latest.texts_by, two.latest.changed_by, two.latest.approvals) == ("ann", "bob", ())
    asked = lifecycle.submit(two, by("bob")).experiment
    with pytest.raises(Refused, match="ann wrote the texts"):
        approve(asked, "ann")


def test_a_rejection_takes_approvals_back(definition):
    one = approve(submitted(definition()), "bob", locales=["de"])
    rejected = lifecycle.reject(one, by("bob")).experiment
    assert (rejected.latest.state, rejected.latest.approvals) == ("draft", ())


# ------------------------------------------------------------------------------------------ how long


@pytest.mark.parametrize(("days", "holds"), [(0, True), (HOLDS_DAYS - 1, True), (HOLDS_DAYS, False), (400, False)])
def test_approvals_end(definition, days, holds):
    approved = approve(submitted(definition()), "bob")
    if holds:
        assert start(approved, days).latest.state == "running"
        return
    with pytest.raises(Refused, match=r"by bob is older than 90 days.*Next: .*but not ann") as caught:
        start(approved, days)
    assert caught.value.code == "approval-expired"
    renewed = approve(approved, "bob", days)
    assert len(renewed.latest.approvals) == 2, "the old ones are replaced"
    assert start(renewed, days).latest.state == "running"


def test_how_far_the_approvals_are(definition):
    one = approve(submitted(definition()), "bob", locales=["de"]).latest
    english, german = approval.standings(one, NOW)
    assert (english.locale, english.holding, english.lacking, english.until) == ("en", (), 1, None)
    assert (german.lacking, german.until) == (0, NOW + HOLDS_DAYS * DAY)
    later = approval.standings(one, NOW + HOLDS_DAYS * DAY)[1]
    assert ([a.who for a in later.expired], later.holding, later.lacking) == (["bob"], (), 1)


def test_a_version_approved_by_an_older_release_is_approved_again(definition):
    """Then no approvals by locale were kept."""
    version = approve(submitted(definition()), "bob").latest.model_copy(
        update={"approvals": (), "changed_by": None, "texts_by": None}
    )
    experiment = approve(submitted(definition()), "bob").model_copy(update={"versions": (version,)})
    with pytest.raises(Refused, match="not approved"):
        start(experiment)
    assert start(approve(experiment, "bob")).latest.state == "running"


# ------------------------------------------------------------------------------ ethics and no warning


def test_without_a_warning_a_reason_is_needed(document):
    for reason in ({}, {"reason": " "}):
        ethics = {key: value for key, value in NO_WARNING.items() if key != "reason"} | reason
        with pytest.raises(InvalidDefinition) as caught:
            spec.parse(document(ethics=ethics))
        assert [(v.pointer, v.code) for v in caught.value.violations] == [("/ethics/reason", "missing-field")]


def test_a_reason_belongs_to_no_warning_only(document):
    with pytest.raises(InvalidDefinition) as caught:
        spec.parse(document(ethics=NO_WARNING | {"control": "active warning"}))
    assert [(v.pointer, v.code) for v in caught.value.violations] == [("/ethics/reason", "unknown-field")]


def test_without_a_reference_there_is_no_ethics_record(document):
    ethics = {key: value for key, value in NO_WARNING.items() if key != "reference"}
    with pytest.raises(InvalidDefinition) as caught:
        spec.parse(document(ethics=ethics))
    assert caught.value.pointer == "/ethics/reference"


def test_without_a_warning_two_people_approve(definition):
    asked = submitted(definition(ethics=NO_WARNING))
    assert approval.needed(asked.latest.definition) == 2
    one = approve(asked, "bob")
    assert one.latest.state == "in_review"
    assert approve(one, "bob").latest.state == "in_review", "the same person twice is one person"
    with pytest.raises(Refused, match="approved by bob, and need a second person"):
        start(one)
    two = approve(one, "cid")
    assert two.latest.state == "approved"
    assert start(two).latest.state == "running"
    with pytest.raises(Refused, match="bob"):
        start(two.model_copy(update={"versions": (_older(two.latest),)}))


def _older(version):
    """Bob approved long before Cid did."""
    approvals = tuple(a.model_copy(update={"at": NOW - 100 * DAY}) if a.who == "bob" else a for a in version.approvals)
    return version.model_copy(update={"approvals": approvals})


def test_a_stored_definition_without_a_reason_is_not_submitted(definition):
    found = definition(ethics=NO_WARNING)
    older = found.model_copy(update={"ethics": found.ethics.model_copy(update={"reason": None})})
    draft = lifecycle.apply(None, older, by("ann"), version_id=1).experiment
    with pytest.raises(Refused, match=r"ethics.reason") as caught:
        lifecycle.submit(draft, by("ann"))
    assert caught.value.code == "reason-missing"


@pytest.mark.parametrize("act", ["submit", "approve", "start", "resume"])
def test_expired_ethics_stop_every_way_forward(definition, act):
    last = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
    found = definition(ethics={"committee": "REC", "reference": "2026/7", "expires": str(last)})
    experiment = lifecycle.apply(None, found, by("ann"), version_id=1).experiment
    steps = {"submit": "ann", "approve": "bob", "start": "bob", "suspend": "bob", "resume": "bob"}
    for name, who in steps.items():
        options = {"key": "1.wrapped"} if name == "start" else {}
        take = phases.resume if name == "resume" else getattr(lifecycle, name)
        if name == act:
            with pytest.raises(Refused, match=r"2026/7 expired on .*Next: renew it") as caught:
                take(experiment, by(who, 1), **options)
            assert caught.value.code == "ethics-expired"
        experiment = take(experiment, by(who), **options).experiment


def test_the_reason_leaves_the_hash_of_older_files_alone(definition):
    ethics = {"committee": "REC", "reference": "2026/7", "expires": "2035-01-01"}
    assert "reason" not in definition(ethics=ethics).model_dump()["ethics"]


# ------------------------------------------------------------------------------------------ stale forms


def test_a_stale_form_overwrites_nothing_and_gets_what_is_there(definition):
    draft = lifecycle.apply(None, definition(), by("ann"), version_id=1, revision=0).experiment
    now_is = lifecycle.apply(draft, definition(title="Bob's"), by("bob"), version_id=2, revision=1).experiment
    with pytest.raises(Stale, match=r"meanwhile by bob; nothing was overwritten. Next: ") as caught:
        lifecycle.apply(now_is, definition(title="Ann's"), by("ann"), version_id=3, revision=1)
    assert caught.value.found == now_is
    assert caught.value.code == "stale-revision"


def test_a_new_experiment_does_not_replace_one_of_the_same_key(definition):
    there = lifecycle.apply(None, definition(), by("ann"), version_id=1).experiment
    with pytest.raises(Stale):
        lifecycle.apply(there, definition(title="New"), by("bob"), version_id=2, revision=0)
    with pytest.raises(Stale, match="does not exist any more"):
        lifecycle.apply(None, definition(), by("bob"), version_id=2, revision=3)
