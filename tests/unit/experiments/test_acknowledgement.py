"""What counts as acknowledged where a replica must have the write."""

from __future__ import annotations

import pytest
from redis import ResponseError

from experiments.store.acknowledgement import ALONE, Acknowledgement

REDIS_7, REDIS_74 = {"redis_version": "7.0.15"}, {"redis_version": "7.4.3"}
WAIT, WAITAOF = Acknowledgement.of_a_replica(REDIS_7, 80), Acknowledgement.of_a_replica(REDIS_74, 80)


def test_alone_needs_nobody():
    assert ALONE.commands == ()
    assert ALONE.is_enough([])


@pytest.mark.parametrize(
    ("info", "command"),
    [
        (REDIS_74, ("WAITAOF", 1, 1, 80)),
        ({"redis_version": "8.0.0"}, ("WAITAOF", 1, 1, 80)),
        ({"redis_version": "7.4.2"}, ("WAIT", 1, 80)),
        ({"redis_version": "7.2.7"}, ("WAIT", 1, 80)),
        (REDIS_7, ("WAIT", 1, 80)),
        ({"redis_version": "6.2.19"}, ("WAIT", 1, 80)),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.0.1"}, ("WAITAOF", 1, 1, 80)),
        ({}, ("WAIT", 1, 80)),
    ],
)
def test_the_servers_version_decides_what_is_asked(info, command):
    assert Acknowledgement.of_a_replica(info, 80).commands == (command,)


@pytest.mark.parametrize(
    ("what", "reply", "enough"),
    [
        (WAIT, 0, False), (WAIT, 1, True), (WAIT, 2, True), (WAIT, None, False), (WAIT, b"1", False),
        (WAIT, ResponseError("unknown command"), False),
        (WAITAOF, [1, 1], True), (WAITAOF, [1, 2], True), (WAITAOF, [0, 1], False), (WAITAOF, [1, 0], False),
        (WAITAOF, [0, 0], False), (WAITAOF, ResponseError("WAITAOF cannot be used"), False),
        (WAITAOF, [1, None], False),
    ],
)  # fmt: skip
def test_each_count_must_be_reached(what, reply, enough):
    assert what.is_enough([reply]) is enough
