"""The audit log: chained, complete, and what is found when somebody tampers with it; on real servers."""

import random
import threading

import pytest

from experiments import audit, desk, lifecycle
from experiments.audit import GENESIS, Note
from experiments.errors import Refused, Stale, SurfaceTaken
from experiments.lifecycle import Actor
from experiments.store import keys
from experiments.store.audit import Kept

NOW = 1_900_000_000
ANN, BOB = Actor("ann", NOW, "because"), Actor("bob", NOW)
MUTATIONS = 4_000


def save(store, change):
    return store.documents.save(change)


def take_in(store, definition, known=None):
    return save(store, lifecycle.apply(known, definition, ANN, version_id=store.documents.next_version_id()))


def stored(store) -> list[bytes]:
    return list(store.audit.entries())


@pytest.fixture
def log(store, definition) -> list[bytes]:
    """Entries of several kinds, with texts beyond ASCII."""
    experiment = take_in(store, definition())
    experiment = save(store, lifecycle.submit(experiment, Actor("ünal", NOW, 'er sagte „ja", dann: {"a": 1}')))
    save(store, lifecycle.approve(experiment, BOB))
    for n in range(12):
        audit.append(store, f"person {n % 3}", "look", "experiment/four-lines", {"version": 1, "day": f"d{n}"}, NOW + n)
    return stored(store)


def test_each_entry_holds_the_hash_of_the_one_before(each_store):
    for n in range(3):
        audit.append(each_store, "ann", "look", "experiment/e", {"day": n}, NOW + n)
    entries = audit.decoded(stored(each_store))
    assert [(e.number, e.at, e.who, e.act, e.about, dict(e.details)) for e in entries] == [
        (n + 1, NOW + n, "ann", "look", "experiment/e", {"day": n}) for n in range(3)
    ]
    assert [e.previous for e in entries] == [GENESIS, entries[0].hash, entries[1].hash]
    assert audit.verify(stored(each_store)) == ()


def test_an_act_and_its_entry_are_written_together(each_store, definition):
    experiment = take_in(each_store, definition())
    save(each_store, lifecycle.submit(experiment, ANN))
    entries = audit.decoded(stored(each_store))
    assert [(e.who, e.act, e.about, e.details["version"], e.details["why"]) for e in entries] == [
        ("ann", "apply", "experiment/four-lines", 1, "because"), ("ann", "submit", "experiment/four-lines", 1, "because"),
    ]  # fmt: skip
    assert entries[-1].details["document"] == each_store.documents.digests()["four-lines"]
    assert audit.check(each_store).faults == ()


def test_what_is_refused_leaves_no_entry(each_store, definition):
    experiment = take_in(each_store, definition())
    submitted = save(each_store, lifecycle.submit(experiment, ANN))
    approved = save(each_store, lifecycle.approve(submitted, BOB))
    save(each_store, lifecycle.start(approved, BOB, key="1.wrapped"))
    other = take_in(each_store, definition(key="other"))
    other = save(each_store, lifecycle.approve(save(each_store, lifecycle.submit(other, ANN)), BOB))
    before = stored(each_store)
    with pytest.raises(Stale):
        save(each_store, lifecycle.submit(experiment, ANN))
    with pytest.raises(SurfaceTaken):
        save(each_store, lifecycle.start(other, BOB, key="1.wrapped", protocol="{}"))
    assert stored(each_store) == before
    assert each_store.documents.protocol("other", 1) is None


def test_every_act_of_the_desk_is_in_the_log(world, document):
    desk.apply(world.runtime, document(), ANN)
    for act, who in (("submit", ANN), ("approve", BOB), ("start", BOB)):
        desk.act(world.runtime, "four-lines", act, who)
    for act, options in (("set-traffic", {"traffic": 5000}), ("close-arm", {"variant": "law"}), ("suspend", {}), ("resume", {}), ("stop", {})):  # fmt: skip
        desk.act(world.runtime, "four-lines", act, BOB, options)
    acts = [e.act for e in audit.decoded(stored(world.store))]
    assert acts == ["apply", "submit", "approve", "start", "set-traffic", "close-arm", "suspend", "resume", "stop"]
    assert acts == [e.act for e in world.store.documents.log("four-lines")]
    assert audit.check(world.store).faults == ()


def test_keys_are_in_the_log_and_their_secrets_are_not(world):
    key, text = desk.create_key(
        world.runtime, kind="server", partner="p", surfaces=("*",), origins=(), now=NOW, by="ann"
    )
    desk.revoke_key(world.runtime, key.id, NOW + 1, by="bob")
    entries = stored(world.store)
    assert [(e.who, e.act, e.about) for e in audit.decoded(entries)] == [
        ("ann", "create-key", f"key/{key.id}"), ("bob", "revoke-key", f"key/{key.id}"),
    ]  # fmt: skip
    secret = text.split("_", 2)[2]
    assert len(secret) > 30
    for hidden in (secret, key.secret_hash):
        assert not any(hidden.encode() in entry for entry in entries)


def test_writers_at_the_same_time_are_chained_one_after_another(store, definition):
    refused = []
    experiments = [take_in(store, definition(key=f"experiment-{n}", surfaces=[f"surface-{n}"])) for n in range(6)]

    def write(n):
        for turn in range(8):
            audit.append(store, f"writer {n}", "look", f"thing/{turn}", {}, NOW)
        try:
            save(store, lifecycle.submit(experiments[n], ANN))
        except Refused as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    checked = audit.check(store)
    assert checked.faults == ()
    assert len(checked.entries) == 6 + 6 * 8 + 6
    assert checked.head == checked.entries[-1].hash


# -------------------------------------------------------------------------------------------- tampering


def one_byte(rng, entries):
    at = rng.randrange(len(entries))
    entry = bytearray(entries[at])
    place = rng.randrange(len(entry))
    how = rng.randrange(3)
    if how == 0:
        entry[place] ^= rng.randrange(1, 256)
    elif how == 1:
        del entry[place]
    else:
        entry.insert(place, rng.choice(b' \t\n0",{}e\xff'))
    return [*entries[:at], bytes(entry), *entries[at + 1 :]]


def deletion(rng, entries):
    at = rng.randrange(len(entries) - 1)
    return entries[:at] + entries[at + 1 :]


def swap(rng, entries):
    one, two = sorted(rng.sample(range(len(entries)), 2))
    changed = list(entries)
    changed[one], changed[two] = entries[two], entries[one]
    return changed


def repetition(rng, entries):
    at = rng.randrange(len(entries))
    return [*entries[: at + 1], *entries[at:]]


def truncation(rng, entries):
    return entries[: rng.randrange(len(entries))]


@pytest.mark.parametrize("mutate", [one_byte, deletion, swap, repetition, truncation])
def test_any_mutation_is_found(log, mutate):
    head = audit.decoded(log)[-1].hash
    assert audit.verify(log, head=head) == ()
    rng = random.Random(2026)
    for _ in range(MUTATIONS // 5):
        changed = mutate(rng, log)
        assert changed != log
        assert audit.verify(changed, head=head), (mutate.__name__, changed)


def test_one_byte_is_found_without_a_head_too(log):
    rng = random.Random(5)
    for _ in range(MUTATIONS // 4):
        changed = one_byte(rng, log)
        assert audit.verify(changed), changed


def test_a_log_written_anew_is_found_by_its_head_only(log):
    head = audit.decoded(log)[-1].hash
    forged: list[bytes] = []
    for entry in audit.decoded(log):
        note = Note("somebody else", entry.act, entry.about, entry.at, entry.details)
        forged.append(audit.following(forged[-1] if forged else b"", note))
    assert audit.verify(forged) == ()
    assert [fault.number for fault in audit.verify(forged, head=head)] == [None]


def test_an_older_head_is_still_in_a_log_that_has_grown(log, store):
    head = audit.decoded(log)[-1].hash
    audit.append(store, "ann", "look", "experiment/e", {}, NOW)
    assert audit.check(store, head.upper()).faults == ()


def test_it_says_which_entry(log):
    changed = [*log[:4], log[4].replace(b"person", b"Person"), *log[5:]]
    assert [fault.number for fault in audit.verify(changed)] == [5]
    assert "edited" in audit.verify(changed)[0].what
    assert [fault.number for fault in audit.verify(log[:3] + log[4:])] == [4]


def test_the_end_of_a_long_log_is_checked_by_itself(store, ledger, definition):
    take_in(store, definition())
    for n in range(8):
        audit.append(store, "ann", "look", "experiment/e", {"n": n}, NOW)
    part = audit.check(store, last=3)
    assert ([e.number for e in part.entries], part.faults, part.skipped) == ([7, 8, 9], (), 6)
    assert part.head == audit.check(store).head
    ledger.clients[0].lset(keys.AUDIT, 7, b"{")
    assert [fault.number for fault in audit.check(store, last=3).faults] == [8]
    assert audit.check(store, last=1).faults == ()
    assert audit.check(store, last=100).skipped == 0


def test_the_last_entry_of_an_experiment_cannot_be_cut_off(store, ledger, definition):
    """Without a noted head, as long as the experiment itself is not put back too."""
    save(store, lifecycle.submit(take_in(store, definition()), ANN))
    assert audit.check(store).faults == ()
    ledger.clients[0].rpop(keys.AUDIT)
    assert ["four-lines" in fault.what for fault in audit.check(store).faults] == [True]


def test_an_edited_experiment_is_found(store, ledger, definition):
    take_in(store, definition())
    document = ledger.clients[0].hget(keys.EXPERIMENTS, "four-lines")
    ledger.clients[0].hset(keys.EXPERIMENTS, "four-lines", document.replace(b'"alpha":0.05', b'"alpha":0.06'))
    assert ["four-lines" in fault.what for fault in audit.check(store).faults] == [True]


@pytest.mark.parametrize("spoiled", [b"", b"{", b'{"number":1}', b"\xff\xfe"])
def test_a_spoiled_last_entry_stops_nobody_and_is_found(store, ledger, definition, spoiled):
    experiment = take_in(store, definition())
    ledger.clients[0].lset(keys.AUDIT, -1, spoiled)
    experiment = save(store, lifecycle.submit(experiment, ANN))
    save(store, lifecycle.approve(experiment, BOB))
    assert [fault.number for fault in audit.check(store).faults] == [1]


def test_a_document_that_is_there_already_is_not_written_again(each_store):
    kept = Kept(keys.looks("e", 1), "f", "first", new=True)
    assert each_store.audit.append(Note("ann", "look", "experiment/e", NOW), kept)
    again = Kept(keys.looks("e", 1), "f", "second", new=True)
    assert each_store.audit.append(Note("ann", "look", "experiment/e", NOW), again) is None
    assert each_store.looks.of("e", 1) == [b"first"]
    assert len(stored(each_store)) == 1


def test_a_long_log_is_read_in_parts(store, monkeypatch):
    monkeypatch.setattr("experiments.store.audit.AT_ONCE", 3)
    for n in range(8):
        audit.append(store, "ann", "look", "experiment/e", {"n": n}, NOW)
    assert [e.details["n"] for e in audit.decoded(store.audit.entries())] == list(range(8))
    assert [e.details["n"] for e in audit.decoded(store.audit.entries(4))] == [4, 5, 6, 7]
    assert list(store.audit.entries(100)) == []
