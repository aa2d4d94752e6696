"""From a subject to its picture. Drawings are kept by what they show, so that a page is drawn once."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

import vl_convert
from markupsafe import Markup

from app.charts import svg
from app.charts.house import NARROW, WIDE, Canvas
from app.charts.kinds import Picture, Subject, Theme
from app.charts.words import LOCALE

KEPT = 128  # pictures; one of 12 variants takes up to 200 kB


@lru_cache(KEPT)
def drawn(subject: Subject, theme: Theme) -> Picture:
    """Return the picture of a subject."""
    ways = {"wide": WIDE, "narrow": NARROW} if theme == "auto" else {"print": WIDE}
    parts = [_markup(subject, canvas, theme, way) for way, canvas in ways.items()]
    return Picture(subject.name, subject.title, subject.description, Markup("\n").join(parts), subject.table)


def _markup(subject: Subject, canvas: Canvas, theme: Theme, way: str) -> Markup:
    spec = subject.chart(canvas).to_dict(validate=False)
    size = spec["usermeta"]
    made = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[], format_locale=LOCALE)
    key = sha256(f"{way}{made}".encode()).hexdigest()[:8]
    about = svg.About(f"{subject.name.replace('_', '-')}-{key}", subject.title, subject.description)
    return Markup(svg.cleaned(made, about, (size["width"], size["height"]), way, plain=theme == "print"))  # noqa: S704  (made by us, every text escaped)
