"""The house style holds in every template and stylesheet."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.screenshots import FOLDER, LARGEST, NAMES

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(
    file for file in (ROOT / "app/templates").rglob("*.html") if file.parent.name != "publication"
)  # what is published stands alone, with a style of its own
STYLES = "".join(file.read_text() for file in (ROOT / "app/static").glob("*.css"))


def told(file: Path) -> str:
    """A template's text without its comments."""
    return re.sub(r"{#.*?#}", "", file.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_nothing_is_inline(file):
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|http-equiv", told(file)) == []


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_forms_that_change_something_carry_a_token(file):
    text = told(file)
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", text, flags=re.DOTALL)
    assert [form for form in forms if not re.search(r"csrf_token|token\(\)|csrf\(\)", form)] == []


def test_the_stylesheet_is_small():
    assert (ROOT / "app/static/signpost.css").stat().st_size < 20_000


def test_the_stylesheet_asks_for_nothing():
    assert re.findall(r"@import|url\(", STYLES) == []


def luminance(colour: str) -> float:
    """Relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_tokens_have_the_contrast_that_they_need(theme):
    roots = re.findall(r":root {(.*?)}", (ROOT / "app/static/signpost.css").read_text(), flags=re.DOTALL)
    tokens = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", roots[theme]))
    grounds = [tokens[name] for name in ("paper", "card", "note")]
    for name in ("ink", "soft", "accent", "warn", "good"):
        assert min(contrast(tokens[name], ground) for ground in grounds) >= 4.5, name
    for name in ("edge", "bar"):
        assert min(contrast(tokens[name], ground) for ground in grounds) >= 3, name
    assert contrast(tokens["accent-ink"], tokens["accent"]) >= 4.5
    assert min(contrast(tokens["ink"], tokens[name]) for name in ("more", "less")) >= 4.5


def test_every_page_is_shown_in_the_documentation_by_small_pictures():
    text = (ROOT / "docs/pages.md").read_text()
    shown = set(re.findall(r"screenshots/([\w-]+\.webp)", text))
    assert shown == NAMES == {file.name for file in FOLDER.iterdir()}
    assert max(file.stat().st_size for file in FOLDER.iterdir()) < LARGEST
