"""Every key that Signpost keeps in Redis. No other module writes a key's name.

Two stores. `ledger` is durable (fsync before every reply, nothing is ever evicted), `volatile` forgets
everything when it stops. {T} is `<experiment>.<version>.<tag>`, one per shard: what a script touches lies
in one cluster slot. Days are counted from 1970-01-01 (UTC).

LEDGER: counting, one slot per shard
| key                | type | field → value                               | lifetime        | writer                         | reader |
|--------------------|------|---------------------------------------------|-----------------|--------------------------------|--------|
| sp:{T}:r:<day>:<p> | hash | pseudonym (8 bytes) → row (8 bytes)         | until the day   | batch (lua)                    | same   |
|                    |      |                                             | is sealed       |                                |        |
| sp:{T}:c:<day>     | hash | count field → units                         | until folded    | batch (lua)                    | results|
| sp:{T}:folded      | hash | day → its count fields, JSON packed by zlib | for ever        | fold (lua)                     | results|
| sp:{T}:days        | hash | day → pages of that day's rows              | until folded    | open_day                       | open_day, recording |
| sp:{T}:apart       | hash | late.<what>, outage.<what>, reset.<day> → times   | for ever        | batch (lua)                    | results|
| sp:{T}:spools      | hash | spool id → number of its last event written | for ever        | batch (lua)                    | same   |

Count fields (numbers are positions in the definition's order):
    <phase>.<variant>.<surface>.<stratum>.<measure>     units
        measure: a assigned, e exposed, d<n> n-th outcome of the plan (a conversion), o<bit> outcome bit of the row
    l.<variant>.<locale>      units assigned, by locale
    n.<variant>.<1|2|3>       units shown the message a first, second, third or further time
    x.<variant>               units of which a report contradicted the row's variant (`crossed`)

LEDGER: documents, all in the slot {control}
| key                        | type   | field → value                                  | writer            | reader    |
|----------------------------|--------|------------------------------------------------|-------------------|-----------|
| sp:{control}:experiments   | hash   | experiment key → JSON (schema 1)               | save_experiment   | catalogue |
| sp:{control}:revisions     | hash   | experiment key → revision, for compare-and-set | save_experiment   | same      |
| sp:{control}:surfaces      | hash   | surface → experiment that is on it             | save_experiment   | same      |
| sp:{control}:log:<key>     | list   | log entries, JSON                              | save_experiment   | log       |
| sp:{control}:api_keys      | hash   | key id → JSON (secret as SHA-256)              | save_api_key      | catalogue |
| sp:{control}:partners      | hash   | partner → number                               | partner_number    | same      |
| sp:{control}:catalogue     | string | counts every change to what processes cache    | all of the above  | catalogue |
| sp:{control}:ids           | string | the last version id given out                  | next_version_id   | same      |
| sp:{control}:partner_ids   | string | the last partner number given out              | partner_number    | same      |
| sp:{control}:rewritten     | hash   | server → when its append-only file was         | note_rewritten    | rewritten |
|                            |        | rewritten last, unix seconds                   |                   |           |
| sp:{control}:spools        | hash   | spool id → JSON: events that wait, by shard    | tell_spool        | results   |
| sp:{control}:audit         | list   | entries of the audit log, JSON, chained by     | append (lua),     | audit     |
|                            |        | hash                                           | save_experiment   |           |
| sp:{control}:protocols     | hash   | <experiment>.<version> → locked protocol, JSON | save_experiment   | protocol  |
| sp:{control}:finals        | hash   | <experiment>.<version> → final report, JSON    | finals            | finals    |
|                            |        | packed by zlib                                 |                   |           |
| sp:{control}:accounts      | hash   | account id → JSON: who may sign in (password   | save_account (lua)| accounts  |
|                            |        | and link hashed)                               |                   |           |
| sp:{control}:looks:<e>.<v> | hash   | <sealed until> <who> → JSON: a look at the     | append (lua)      | looking   |
|                            |        | result of version v of experiment e            |                   |           |
| sp:{control}:alerts        | hash   | alert id → JSON, with what became of it        | alerts            | alerts    |
| sp:{control}:alerts:seen   | hash   | <experiment>.<version> → last sealed day whose | alerts            | alerts    |
|                            |        | result was looked at for alerts                |                   |           |

VOLATILE
| key                                  | type   | value                             | lifetime                | writer    | reader    |
|--------------------------------------|--------|-----------------------------------|-------------------------|-----------|-----------|
| sp:day:<day>                         | string | the day's pseudonym key, 32 bytes | until the day is sealed | day_key   | day_key   |
| sp:turn:<experiment>.<version>.<day> | string | 1: somebody looks, or has looked, | ten minutes, then three | take_turn,| take_turn |
|                                      |        | at this sealed day                | days                    | end_turn  |           |
| sp:sessions:<account>                | hash   | SHA-256 of a session's secret →   | until none was opened   | open,     | sessions, |
|                                      |        | JSON: opened, last used, how      | for its longest life    | look      | look      |
| sp:attempts:<account>                | string | passwords tried                   | a quarter of an hour    | attempt   | attempt   |
| sp:turn:alerts                       | string | 1: somebody looks for alerts      | five minutes at most    | take_     | take_     |
|                                      |        |                                   |                         | alerts    | alerts    |
| sp:turn:retention                    | string | 1: somebody sees to what is to be | an hour at most         | take_look,| take_look |
|                                      |        | deleted, or has done so just now  |                         | end_look  |           |
"""  # noqa: E501  (a table is read across)

from __future__ import annotations

EXPERIMENTS = "sp:{control}:experiments"
REVISIONS = "sp:{control}:revisions"
SURFACES = "sp:{control}:surfaces"
API_KEYS = "sp:{control}:api_keys"
PARTNERS = "sp:{control}:partners"
CATALOGUE = "sp:{control}:catalogue"
IDS = "sp:{control}:ids"
PARTNER_IDS = "sp:{control}:partner_ids"
SPOOLS = "sp:{control}:spools"
REWRITTEN = "sp:{control}:rewritten"
AUDIT = "sp:{control}:audit"
ACCOUNTS = "sp:{control}:accounts"
PROTOCOLS = "sp:{control}:protocols"
FINALS = "sp:{control}:finals"
RETENTION = "sp:turn:retention"
ALERTS = "sp:{control}:alerts"
ALERTS_SEEN = "sp:{control}:alerts:seen"
ALERTS_TURN = "sp:turn:alerts"


def log(experiment: str) -> str:
    """Log of an experiment."""
    return f"sp:{{control}}:log:{experiment}"


def final(experiment: str, version: int) -> str:
    """Field of a version's final report."""
    return f"{experiment}.{version}"


def looks(experiment: str, version: int) -> str:
    """Looks at the result of a version."""
    return f"sp:{{control}}:looks:{experiment}.{version}"


def tag(experiment: str, version: int, suffix: str) -> str:
    """Return the hash tag of one shard, braces included."""
    return f"{{{experiment}.{version}.{suffix}}}"


def page(shard_tag: str, day: int, number: int) -> str:
    """Page of a day's rows."""
    return f"sp:{shard_tag}:r:{day}:{number}"


def counts(shard_tag: str, day: int) -> str:
    """Counts of a day."""
    return f"sp:{shard_tag}:c:{day}"


def folded(shard_tag: str) -> str:
    """Counts of the days of a version that is over."""
    return f"sp:{shard_tag}:folded"


def days(shard_tag: str) -> str:
    """Pages of each day."""
    return f"sp:{shard_tag}:days"


def apart(shard_tag: str) -> str:
    """Events that entered no arm."""
    return f"sp:{shard_tag}:apart"


def spools(shard_tag: str) -> str:
    """How far each spool has been replayed."""
    return f"sp:{shard_tag}:spools"


def day_key(day: int) -> str:
    """A day's pseudonym key."""
    return f"sp:day:{day}"


def turn(experiment: str, version: int, day: int) -> str:
    """Whose turn it is to look at a sealed day."""
    return f"sp:turn:{experiment}.{version}.{day}"


def sessions(account: str) -> str:
    """Sessions of an account."""
    return f"sp:sessions:{account}"


def attempts(account: str) -> str:
    """How often a password of an account was tried."""
    return f"sp:attempts:{account}"
