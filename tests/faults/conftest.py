"""Worlds to break, and a summary of what was broken how often."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.load", "tests.faults.servers", "tests.faults.world")

from tests.faults.servers import compiled  # noqa: E402  (after the line above)
from tests.faults.world import World  # noqa: E402


@pytest.fixture
def world() -> Iterator[World]:
    """A world of the test's own, gone afterwards."""
    if sys.platform != "linux":
        pytest.skip("these tests read /proc and preload a library; they need Linux")
    folder = Path(tempfile.mkdtemp(prefix="spf-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield World(folder, stack)


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that remembers what is on disk."""
    return compiled(tmp_path_factory.mktemp("synced"))


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in the summary what was done."""
    return lambda text: record_property("faults", text)


def pytest_terminal_summary(terminalreporter) -> None:
    told = [
        (report.nodeid.rpartition("::")[2], text)
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        if report.when == "call"
        for name, text in report.user_properties
        if name == "faults"
    ]
    if told:
        terminalreporter.section("faults")
    for test, text in told:
        terminalreporter.write_line(f"{test}: {text}")
