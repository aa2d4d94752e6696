"""Requests take turns, and whoever waits for a body is in nobody's way. Real threads, pipes for bodies."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

import pytest

from app.entrance import GO_FIRST, SMALL_BODY, WHOLE_BODY, Entrance, Places


def waits_for_a_place(places: Places, number: int) -> None:
    """Return when so many are waiting."""
    for _ in range(1000):
        if len(places._arriving) + len(places._returning) == number:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"{places._arriving} and {places._returning} wait, not {number}")


def test_no_more_are_in_than_there_are_places():
    places, lock = Places(3), threading.Lock()
    inside, most = 0, 0

    def visit() -> None:
        nonlocal inside, most
        for _ in range(50):
            places.enter()
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.0001)
            with lock:
                inside -= 1
            places.leave()

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (inside, most) == (0, 3)
    for _ in range(3):
        places.enter()  # every place was given back
    assert not places._free


def test_who_waits_longest_comes_first_and_who_comes_again_before_all():
    places, order = Places(1), []
    places.enter()

    def visit(name: str, *, again: bool) -> None:
        places.enter(again=again)
        order.append(name)
        places.leave()

    threads = []
    for name, again in (("first", False), ("second", False), ("again", True)):
        threads.append(threading.Thread(target=visit, args=(name,), kwargs={"again": again}))
        threads[-1].start()
        waits_for_a_place(places, len(threads))
    places.leave()
    for thread in threads:
        thread.join(60)
    assert order == ["again", "first", "second"]


def call(entrance: Entrance, body: Any, **environ: str) -> bytes:
    return b"".join(entrance({"wsgi.input": body, **environ}, lambda *_: lambda _: None))


def echo(environ: dict[str, Any], start: Callable) -> Iterable[bytes]:
    return [environ["wsgi.input"].read()]


def test_a_small_body_is_there_before_the_request_enters():
    places = Places(1)
    places.enter()
    entrance = Entrance(echo, places)
    body = io.BytesIO(b"all of it")
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(call(entrance, body, CONTENT_LENGTH="9")))
    thread.start()
    waits_for_a_place(places, 1)
    assert body.read() == b"", "it was read outside"
    places.leave()
    thread.join(60)
    assert found == [b"all of it"]


@pytest.mark.parametrize("environ", [{"CONTENT_LENGTH": str(SMALL_BODY + 1)}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_who_waits_for_a_large_body_has_no_place(environ: dict[str, str]):
    places, asked = Places(1), threading.Event()

    def application(environ: dict[str, Any], start: Callable) -> Iterable[bytes]:
        asked.set()
        return echo(environ, start)

    reading, writing = os.pipe()
    found: list[bytes] = []
    with closing(os.fdopen(reading, "rb")) as body:
        thread = threading.Thread(target=lambda: found.append(call(Entrance(application, places), body, **environ)))
        thread.start()
        assert asked.wait(60)
        places.enter()  # would wait for ever, if the reader had kept its place
        os.write(writing, b"x" * 100)
        os.close(writing)
        places.leave()
        thread.join(60)
    assert found == [b"x" * 100]
    assert places._free == 1


def test_a_large_body_that_nobody_wants_is_not_read():
    body = io.BytesIO(b"x" * 10)
    assert call(Entrance(lambda *_: [b"refused"], Places(1)), body, CONTENT_LENGTH="104857600") == b"refused"
    assert body.tell() == 0


def test_an_application_that_fails_gives_its_place_back():
    def fails(environ: dict[str, Any], start: Callable) -> Iterable[bytes]:
        raise RuntimeError

    places = Places(1)
    with pytest.raises(RuntimeError):
        call(Entrance(fails, places), io.BytesIO())
    assert places._free == 1


def test_who_lingers_lets_those_go_first_who_are_arriving_but_no_crowd():
    places, order = Places(1), []
    places.enter()

    def visit(name: int) -> None:
        places.enter()
        order.append(name)
        places.leave()

    threads = []
    for name in range(GO_FIRST + 2):
        threads.append(threading.Thread(target=visit, args=(name,)))
        threads[-1].start()
        waits_for_a_place(places, len(threads))
    places.linger()
    assert order == list(range(GO_FIRST))
    places.leave()
    for thread in threads:
        thread.join(60)
    assert order == list(range(GO_FIRST + 2))


def test_who_has_no_place_or_nobody_to_wait_for_does_not_linger():
    places = Places(1)
    places.linger()
    assert places._free == 1
    places.enter()
    places.linger()
    places.leave()
    assert places._free == 1


@pytest.mark.parametrize(("sent", "told", "whole"), [(b"{}", "2", b"{}"), (b"{", "2", None), (b"", "0", b"")])
def test_a_small_body_is_marked_as_whole_only_when_all_of_it_came(sent, told, whole):
    seen: list[Any] = []

    def look(environ: dict[str, Any], start: Callable) -> Iterable[bytes]:
        seen.append(environ.get(WHOLE_BODY))
        return [environ["wsgi.input"].read()]

    assert call(Entrance(look, Places(1)), io.BytesIO(sent), CONTENT_LENGTH=told) == sent
    assert seen == [whole]
