"""docs/recipes/cached-page.md: nginx keeps pages, and never one with a warning."""

from __future__ import annotations

import urllib.request

import pytest

from tests.recipes.conftest import in_nginx, listening, recipe


@pytest.fixture
def cached(python, tmp_path):
    app = python("flask", "search.py").app
    (tmp_path / "nginx").mkdir()
    with listening(app) as base:
        text = recipe("cached-page")["cache.conf"].replace("http://127.0.0.1:5000", base)
        with in_nginx(text.replace("/var/cache/nginx/pages", f"{tmp_path}/nginx/pages"), tmp_path / "nginx") as port:
            yield f"http://127.0.0.1:{port}"


def get(url: str) -> tuple[str, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers["X-Cache"], answer.read().decode()


def test_results_are_kept_and_warnings_never(cached, service):
    assert [get(f"{cached}/search?q=weather")[0] for _ in range(3)] == ["MISS", "HIT", "HIT"]
    warnings = [get(f"{cached}/search?q=listed") for _ in range(3)]
    assert [state for state, _ in warnings] == ["MISS"] * 3
    assert all("Are you under 18?" in page for _, page in warnings)
    assert service.total("e") == 3


def test_a_warning_that_was_asked_for_first_does_not_become_the_result(cached):
    get(f"{cached}/search?q=listed+weather")
    assert get(f"{cached}/search?q=weather")[1] == "Results"
