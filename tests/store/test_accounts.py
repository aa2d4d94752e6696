"""Accounts and sessions over real stores: nothing is overwritten, a link works once, what is ended stays ended."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments import accounts, audit, passwords, signing_in
from experiments.errors import AccessError, InvalidInput, NotFound, Refused, SignpostError, Stale
from experiments.lifecycle import Actor
from experiments.model import HOUR
from experiments.signing_in import Identity, Limits
from tests.conftest import NOON

GOOD = "tree lamp forty river"
LIMITS = Limits(idle=HOUR, most=8 * HOUR)
BOSS = Actor("Boss", NOON)
ISSUER = "https://provider.example"


@pytest.fixture
def ada(store):
    return accounts.create(store, "Ada Lovelace", ["researcher"], BOSS, email="Ada@Example.org")


@pytest.fixture
def admin(store):
    return accounts.create(store, "Boss", ["administrator"], Actor("command line", NOON))


def refused(act, *given, **named) -> str:
    with pytest.raises(SignpostError) as found:
        act(*given, **named)
    return found.value.code


# ------------------------------------------------------------------------------------------- accounts


def test_an_account_is_found_however_its_name_is_written(store, ada):
    assert ada.roles == ("reader", "researcher")
    assert ada.email == "ada@example.org"
    for name in ("ADA lovelace", "  ada   LOVELACE ", "Ａda Lovelace"):
        assert accounts.by_name(store, name) == ada
    with pytest.raises(NotFound):
        accounts.by_name(store, "Ada")


@pytest.mark.parametrize(
    ("name", "options", "pointer"),
    [
        ("", {}, "/name"),
        ("x" * 81, {}, "/name"),
        ("a\u202eb", {}, "/name"),
        ("ada LOVELACE", {}, "/name"),
        ("Bo", {"roles": ["owner"]}, "/roles"),
        ("Bo", {"email": "nobody"}, "/email"),
        ("Bo", {"email": "ADA@example.org"}, "/email"),
        ("Bo", {"experiments": ["No Key"]}, "/experiments"),
    ],
)
def test_a_wrong_account_is_refused_by_the_field(store, ada, name, options, pointer):
    options = {"roles": [], **options}
    with pytest.raises(InvalidInput) as found:
        accounts.create(store, name, options.pop("roles"), BOSS, **options)
    assert found.value.pointer == pointer
    assert accounts.everyone(store) == [ada]


def test_of_two_changes_of_the_same_account_one_is_refused(store, ada):
    accounts.change(store, ada, ["approver"], BOSS)
    with pytest.raises(Stale):
        accounts.set_password(store, ada, GOOD, BOSS)
    kept = accounts.by_name(store, "Ada Lovelace")
    assert kept.roles == ("reader", "approver")
    assert kept.password is None


def test_many_accounts_made_at_once_are_all_there_and_in_the_log(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: accounts.create(store, f"Person {n}", [], BOSS), range(24)))
    assert len(accounts.everyone(store)) == 24
    entries = list(store.audit.entries())
    assert audit.verify(entries) == ()
    assert {e.about for e in audit.decoded(entries)} == {f"user/Person {n}" for n in range(24)}


def test_no_secret_is_kept_as_it_is(store, ledger, ada):
    token = accounts.new_link(store, ada, BOSS)
    accounts.set_password(store, accounts.by_name(store, ada.name), GOOD, BOSS)
    session = signing_in.open_session(store, ada, "password", NOON, LIMITS)
    held = b"".join(
        value for client in (ledger.clients[0], store.volatile.client) for key in client.scan_iter()
        for value in _values(client, key)
    )  # fmt: skip
    assert b"argon2id" in held, "otherwise nothing was looked at"
    for secret in (token.partition(".")[2], GOOD, session.rpartition("_")[2]):
        assert secret.encode() not in held


def _values(client, key) -> list[bytes]:
    kind = client.type(key)
    if kind == b"hash":
        return [part for pair in client.hgetall(key).items() for part in pair]
    return client.lrange(key, 0, -1) if kind == b"list" else [client.get(key)]


def test_the_last_administrator_stays(store, admin, ada):
    for act in (
        lambda: accounts.disable(store, admin, BOSS),
        lambda: accounts.change(store, admin, ["researcher"], BOSS),
    ):
        with pytest.raises(Refused, match="only administrator"):
            act()
    accounts.change(store, ada, ["administrator"], BOSS)
    assert accounts.disable(store, admin, BOSS).disabled == NOON


def test_a_partners_people_see_what_runs_on_its_surfaces_alone(world, store, definition):
    from experiments import desk

    for partner, surfaces in (("ours", ("search-uk",)), ("both", ("search-uk", "search-de")), ("any", ("*",))):
        desk.create_key(world.runtime, kind="server", partner=partner, surfaces=surfaces, origins=(), now=NOON)
    world.run(definition())
    assert _sees(store, partners=["ours"]) == frozenset(), "its result tells of search-de, too"
    assert _sees(store, partners=["both"]) == {"four-lines"}
    assert _sees(store, partners=["any"]) == {"four-lines"}
    assert _sees(store, partners=["nobody"], experiments=["to-come"]) == {"to-come"}
    assert _sees(store, experiments=[]) == frozenset()
    assert _sees(store) is None


def _sees(store, **reach):
    name = f"Somebody {len(accounts.everyone(store))}"
    return accounts.visible(store, accounts.create(store, name, [], BOSS, **reach))


# ------------------------------------------------------------------------------------------ passwords


@pytest.mark.parametrize(
    "obvious",
    [
        "tooshort1!", "x" * 257, "aaaaaaaaaaaaaaa", "abcabcabcabcabc", "123456789012", "qwertyuiopas", "9876543210987",
        "Ada Lovelace 1815", "lovelace-lovelace", "P4ssw0rd!2026", "Signpost2026!!", "letmein please", "Summer2026!!!!",
    ],
)  # fmt: skip
def test_a_short_or_obvious_password_is_refused(store, ada, obvious):
    with pytest.raises(InvalidInput) as found:
        accounts.set_password(store, ada, obvious, BOSS)
    assert found.value.pointer == "/password"
    assert accounts.by_name(store, ada.name).password is None


@pytest.mark.parametrize("good", [GOOD, "kX9#mP2$vL7q", "7#k9$q2!x8@v", "сосна лампа река", "mein Hund isst Brot"])
def test_a_good_password_is_taken(store, ada, good):
    accounts.set_password(store, ada, good, BOSS)
    assert signing_in.by_password(store, "ada lovelace", good).id == ada.id


def test_without_an_account_it_takes_as_long(store, ada):
    """Both ways do the same work: a comparison of times would fail on a busy machine now and then."""
    held = accounts.set_password(store, ada, GOOD, BOSS).password
    assert passwords.is_right(held, GOOD)
    assert not passwords.is_right(None, "nobody's"), "the stand-in's own password"
    assert held.split("$")[3] == passwords._nobody().split("$")[3], "the same cost"


# ----------------------------------------------------------------------------------------- signing in


def test_a_password_is_tried_a_few_times_only(store, ada):
    accounts.set_password(store, ada, GOOD, BOSS)
    for _ in range(signing_in.ATTEMPTS):
        assert refused(signing_in.by_password, store, ada.name, "wrong") == "sign-in-refused"
    assert refused(signing_in.by_password, store, ada.name, GOOD) == "too-many-attempts"
    for _ in range(signing_in.ATTEMPTS):
        assert refused(signing_in.by_password, store, "nobody", "wrong") == "sign-in-refused"
    assert refused(signing_in.by_password, store, "nobody", "wrong") == "too-many-attempts", "the same for no account"
    assert 0 < store.volatile.client.ttl(f"sp:attempts:{ada.id}") <= signing_in.ATTEMPT_SECONDS


def test_a_right_password_forgives_the_wrong_ones(store, ada):
    accounts.set_password(store, ada, GOOD, BOSS)
    for _ in range(3):
        for _ in range(signing_in.ATTEMPTS - 1):
            assert refused(signing_in.by_password, store, ada.name, "wrong") == "sign-in-refused"
        assert signing_in.by_password(store, ada.name, GOOD).id == ada.id


def test_a_link_signs_in_once_even_if_many_try_at_once(store, ada):
    token = accounts.new_link(store, ada, BOSS)
    assert signing_in.link_owner(store, token, NOON).name == ada.name

    def spend(_: int) -> str:
        try:
            return signing_in.by_link(store, token, NOON).name
        except AccessError:
            return ""

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(spend, range(8))) == [""] * 7 + [ada.name]


def test_a_link_ends(store, ada):
    token = accounts.new_link(store, ada, BOSS, hours=2)
    assert refused(signing_in.by_link, store, token, NOON + 2 * HOUR) == "sign-in-refused"
    newer = accounts.new_link(store, accounts.by_name(store, ada.name), BOSS)
    assert refused(signing_in.by_link, store, token, NOON) == "sign-in-refused", "a newer one was made"
    accounts.disable(store, accounts.by_name(store, ada.name), BOSS)
    assert refused(signing_in.by_link, store, newer, NOON) == "sign-in-refused"
    assert refused(accounts.new_link, store, accounts.by_name(store, ada.name), BOSS) == "transition-refused"
    for nonsense in ("", ".", f"{ada.id}.", f"{ada.id}.x", "x.y"):
        assert refused(signing_in.by_link, store, nonsense, NOON) == "sign-in-refused"


def test_single_sign_on_goes_by_the_verified_address_once_and_by_the_identity_for_ever(store, ada):
    assert refused(signing_in.by_identity, store, Identity(ISSUER, "1", None), NOON) == "sign-in-refused"
    assert signing_in.by_identity(store, Identity(ISSUER, "1", "ADA@example.org"), NOON).id == ada.id
    assert signing_in.by_identity(store, Identity(ISSUER, "1", None), NOON).id == ada.id
    other = Identity(ISSUER, "2", "ada@example.org")
    assert refused(signing_in.by_identity, store, other, NOON) == "sign-in-refused", "the address has a new owner"
    elsewhere = Identity("https://other.example", "1", None)
    assert refused(signing_in.by_identity, store, elsewhere, NOON) == "sign-in-refused"


def test_nobody_becomes_administrator_by_an_address(store):
    boss = accounts.create(store, "Boss", ["administrator"], BOSS, email="boss@example.org")
    by_address = Identity(ISSUER, "9", "boss@example.org")
    with pytest.raises(AccessError, match=f"'{ISSUER} 9'"):
        signing_in.by_identity(store, by_address, NOON)
    accounts.change(store, boss, boss.roles, BOSS, subject=f"{ISSUER} 9")
    assert signing_in.by_identity(store, by_address, NOON).id == boss.id


# ------------------------------------------------------------------------------------------- sessions


def test_a_session_lasts_while_it_is_used_and_not_for_ever(store, ada):
    token = signing_in.open_session(store, ada, "link", NOON, LIMITS)
    now = NOON
    for _ in range(9):
        now += 50 * 60
        account, session = signing_in.owner(store, token, now, LIMITS)
        assert (account.id, session.way, session.seen) == (ada.id, "link", now)
    now = NOON + 8 * HOUR + 1
    assert signing_in.owner(store, token, now, LIMITS) is None
    assert store.sessions.all(ada.id) == {}, "what is over is dropped"
    idle = signing_in.open_session(store, ada, "link", NOON, LIMITS)
    assert signing_in.owner(store, idle, NOON + HOUR + 1, LIMITS) is None


def test_a_use_is_noted_once_a_minute(store, ada):
    token = signing_in.open_session(store, ada, "link", NOON, LIMITS)
    assert signing_in.owner(store, token, NOON + 59, LIMITS)[1].seen == NOON
    assert signing_in.owner(store, token, NOON + 60, LIMITS)[1].seen == NOON + 60


def test_what_is_ended_stays_ended(store, ada):
    here, there = (signing_in.open_session(store, ada, "link", NOON, LIMITS) for _ in range(2))
    signing_in.end(store, here)
    assert signing_in.owner(store, here, NOON, LIMITS) is None
    assert signing_in.owner(store, there, NOON, LIMITS) is not None
    store.sessions.end_all(ada.id)
    assert signing_in.owner(store, there, NOON + 61, LIMITS) is None
    assert store.volatile.client.exists(f"sp:sessions:{ada.id}") == 0


def test_a_disabled_account_a_new_password_and_new_roles_take_effect_at_once(store, ada, admin):
    token = signing_in.open_session(store, ada, "link", NOON, LIMITS)
    ada = accounts.change(store, ada, ["approver"], BOSS)
    assert signing_in.owner(store, token, NOON, LIMITS)[0].roles == ("reader", "approver")
    ada = accounts.set_password(store, ada, GOOD, BOSS)
    assert signing_in.owner(store, token, NOON, LIMITS) is None
    token = signing_in.open_session(store, ada, "password", NOON, LIMITS)
    ada = accounts.disable(store, ada, BOSS)
    assert signing_in.owner(store, token, NOON, LIMITS) is None
    accounts.enable(store, ada, BOSS)
    assert signing_in.owner(store, token, NOON, LIMITS) is None, "the sessions ended, they were not put aside"


@pytest.mark.parametrize("token", ["", "ss_", "ss__x", "sk_1_2", "ss_0000000000000000_x", "ss_{id}_x", "ss_{id}_"])
def test_nonsense_is_nobodys_session(store, ada, token):
    signing_in.open_session(store, ada, "link", NOON, LIMITS)
    assert signing_in.owner(store, token.format(id=ada.id), NOON, LIMITS) is None


def test_nothing_of_device_or_network_is_kept(store, ada):
    signing_in.open_session(store, ada, "link", NOON, LIMITS)
    told = [json.loads(one) for one in store.sessions.all(ada.id).values()]
    assert [set(one) for one in told] == [{"opened", "seen", "way"}]


def test_it_works_on_every_kind_of_store(each_store):
    made = accounts.create(each_store, "Ada", ["approver"], BOSS)
    assert signing_in.by_link(each_store, accounts.new_link(each_store, made, BOSS), NOON).id == made.id
    token = signing_in.open_session(each_store, made, "link", NOON, LIMITS)
    assert signing_in.owner(each_store, token, NOON + 100, LIMITS)[1].seen == NOON + 100
