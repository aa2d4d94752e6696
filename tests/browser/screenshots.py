"""`make screenshots`: every page of places.py, wide in light and on a phone in the dark, small, into docs/screenshots/.

Chromium takes them and writes them as WebP itself. docs/pages.md shows each of them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.places import PLACES, Place

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SHOTS = {"wide": (1280, "light", 0.7), "phone": (390, "dark", 1.0)}
TALLEST = 1800  # CSS pixels; what is below is not shown
LARGEST = 50_000  # bytes
NAMES = {f"{place.name}-{shot}.webp" for place in PLACES for shot in SHOTS}
SHRUNK = """async ([png, quality]) => {
    const image = new Image();
    image.src = "data:image/png;base64," + png;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


@pytest.fixture(scope="module")
def darkroom(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("shot", SHOTS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_take(browser, demo, demo_key, signed_in, lives, darkroom, place: Place, shot: str):
    width, theme, scale = SHOTS[shot]
    headers = {"Authorization": f"Bearer {demo_key}", "Signpost-Session": "one"} if place.who == "server" else {}
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=theme, device_scale_factor=scale,
        extra_http_headers=headers, storage_state=signed_in(place.who),
    )  # fmt: skip
    page = context.new_page()
    page.goto(demo + place.path)
    if place.then:
        place.then(page)
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    page.set_viewport_size({"width": width, "height": height})  # so that what sticks to its bottom is at the bottom
    taken = page.screenshot()
    context.close()
    small = next(
        small for quality in (0.5, 0.3, 0.15, 0.05) if len(small := shrunk(darkroom, taken, quality)) < LARGEST
    )
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{place.name}-{shot}.webp").write_bytes(small)


def shrunk(darkroom: Page, png: bytes, quality: float) -> bytes:
    return base64.b64decode(darkroom.evaluate(SHRUNK, [base64.b64encode(png).decode(), quality]))


def test_no_old_one_is_left():
    for file in FOLDER.glob("*.webp"):
        if file.name not in NAMES:
            file.unlink()
