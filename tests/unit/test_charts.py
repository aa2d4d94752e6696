"""Pictures of results: true to the report, and markup that a strict page takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.charts import NAMES, picture, svg
from app.charts.house import DASHES, NARROW, SERIES, SHAPES, WIDE
from experiments.planning import Question, plan_size
from tests.pictured import FROM_THE_RIGHT, KEYS, result

CSS = (Path(__file__).parents[2] / "app" / "static" / "charts.css").read_text(encoding="utf-8")
ELEMENTS = svg.ELEMENTS | {"title", "desc"}
ATTRIBUTES = svg.KEPT | {"class", "role", "aria-labelledby", "viewBox", "direction"}
OF_RESULTS = NAMES[:5]
HOSTILE = ("</desc></svg><script>alert(1)</script>", '"\' onload="x" & <b>')
RESULTS = {
    "two": result(KEYS[:2], 9),
    "five": result(),
    "twelve": result(KEYS, 60),
    "from the right": result(FROM_THE_RIGHT),
    "hostile": result(HOSTILE, 9),
    "weeks": result(KEYS[:3], 8, dated=False),
    "fewer is better": result(KEYS[:3], 8, better="lower", best=0.5),
}
PLAN = plan_size(Question(rate=0.01, ratio=1.3, arms=4)).to_dict()


def drawn(case="five", name="intervals", theme="auto"):
    made = picture(name, PLAN if name == "tradeoff" else RESULTS[case], theme=theme)
    assert made is not None
    return made


def roots(made):
    return list(ET.fromstring(f"<page>{made.svg}</page>"))


def plain(element):
    return element.tag.rpartition("}")[2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", RESULTS)
def test_markup_is_what_a_strict_page_takes(case, name):
    made = drawn(case, name)
    wide, narrow = roots(made)
    assert [root.get("class") for root in (wide, narrow)] == ["chart chart-wide", "chart chart-narrow"]
    for element in [*wide.iter(), *narrow.iter()]:
        assert plain(element) in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        assert not any("http" in value for value in element.attrib.values())
    assert not set(SERIES) & set(re.findall(r"#[0-9a-f]{6}", made.svg))
    assert "style" not in made.svg
    assert "<script" not in made.svg


@pytest.mark.parametrize("case", RESULTS)
def test_ids_are_unique_on_the_page_and_all_references_lead_somewhere(case):
    page = "".join(drawn(case, name).svg for name in NAMES)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 20
    used = re.findall(r"url\(#([^)]+)\)", page) + " ".join(re.findall(r'aria-labelledby="([^"]+)"', page)).split()
    assert used
    assert set(used) <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_in_words_what_is_seen(name):
    made = drawn("five", name)
    for root in roots(made):
        assert root.get("role") == "img"
        title, desc = (next(e for e in root.iter() if plain(e) == kind) for kind in ("title", "desc"))
        assert (title.text, desc.text) == (made.title, made.description)
        assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert re.search(r"\d", made.description)
    assert made.table.rows
    assert {len(row) for row in made.table.rows} == {len(made.table.head)}


def test_names_are_escaped():
    page = "".join(drawn("hostile", name).svg for name in NAMES)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", ["two", "five", "twelve", "weeks"])
def test_specifications_are_valid(case, name, canvas):
    subject = import_module(f"app.charts.{name}").subject(PLAN if name == "tradeoff" else RESULTS[case])
    assert subject.chart(canvas).to_dict(validate=True)["usermeta"]["width"] == canvas.width


# ------------------------------------------------------------------------------------------- figures


def texts(made):
    return [element.text for element in roots(made)[0].iter() if plain(element) == "text"]


def test_intervals_are_those_of_the_report():
    made, found = drawn(), RESULTS["five"]
    for arm, row in zip(found["arms"], made.table.rows, strict=True):
        low, high = (f"{10_000 * end:.1f}" for end in arm["rate_cs"])
        assert row[3] == f"{arm['rate_per_10000']:.1f}"
        assert row[5] == f"{low} and {high}"
        assert f"{row[3]} ({low} to {high})" in texts(made)
    assert made.table.rows[0][0] == "present (present message)"


def test_a_design_of_one_look_shows_the_interval_of_one_look():
    found = result(design="fixed")
    made = picture("intervals", found)
    low, high = (f"{10_000 * end:.1f}" for end in found["arms"][0]["rate_ci"])
    assert f"{found['arms'][0]['rate_per_10000']:.1f} ({low} to {high})" in texts(made)
    assert len(made.table.head) == 5


def test_points_stand_where_the_rates_are():
    """The places of the dots are a straight line over the rates."""
    root = roots(drawn("twelve"))[0]
    rates = [arm["rate"] for arm in RESULTS["twelve"]["arms"]]
    dots = [e for e in root.iter() if plain(e) == "path" and "stroke-paper" in e.get("class", "")]
    across = [float(re.match(r"translate\((-?[\d.]+)", dot.get("transform"))[1]) for dot in dots]
    assert len(across) == len(rates) == 12
    slope = (across[-1] - across[0]) / (rates[-1] - rates[0])
    assert slope > 0
    assert across == pytest.approx([across[0] + slope * (rate - rates[0]) for rate in rates], abs=0.2)


def test_the_last_ratio_is_the_one_of_the_report():
    found, made = RESULTS["five"], drawn("five", "ratio_over_time")
    for pair in found["pairs"]:
        if pair["b"] == "present":
            low, high = pair["ratio_cs"]
            told = f"{pair['ratio']:.2f} ({low:.2f} to {high:.2f})"
            assert made.table.rows[-1][made.table.head.index(pair["a"])] == told
            assert told in texts(made)
            assert told in made.description


def test_help_adds_up():
    found, made = RESULTS["five"], drawn("five", "help_over_time")
    assert [int(cell) for cell in made.table.rows[-1][1:]] == [arm["conversions"] for arm in found["arms"]]
    assert made.table.rows[0][0] == "1 Sep 2026"
    assert made.table.rows[-1][0] == "21 Sep 2026"
    for arm in found["arms"]:
        assert f"{arm['variant']} {arm['conversions']}" in texts(made)


def test_unequal_shares_are_warned_of():
    uneven = picture("help_over_time", result(KEYS[:2], 9, weights=(0.8, 0.2)))
    assert "not shown equally often" in uneven.description
    assert "not shown equally often" not in drawn("two", "help_over_time").description


def test_evidence_has_its_line():
    made, last = drawn("five", "evidence_over_time"), RESULTS["five"]["path"][-1]["log10_e"]
    assert "enough: 20" in texts(made)
    assert "20 is enough" in made.description
    assert last > 2
    assert "was reached by" in made.description
    weak = picture("evidence_over_time", result(KEYS[:2], 9, best=1.0))
    assert "not reached yet" in weak.description


def test_flow_adds_up_and_says_what_is_not_counted():
    found, made = RESULTS["five"], drawn("five", "flow")
    assigned, shown = (sum(arm[name] for arm in found["arms"]) for name in ("assigned", "units"))
    written = [text.replace("\u202f", "") for text in texts(made)]
    assert f"assigned: {assigned}" in written
    assert f"never shown: {assigned - shown}" in written
    assert any("not counted here" in text for text in written)
    live = {**found, "provisional": [{"variant": "law", "assigned": 120, "units": 110, "conversions": None}]}
    assert picture("flow", live) is made  # a page would be drawn anew for every unit


def test_a_plan_shows_what_it_finds_and_itself():
    made = drawn(name="tradeoff")
    assert "your plan" in texts(made)
    found = {span["days"]: f"{span['ratio']:.2f}" for span in PLAN["detectable"]}
    assert {int(row[0]): row[1] for row in made.table.rows[:-1]} == found
    assert str(PLAN["chosen"]["days"]) in made.description


def test_lower_may_be_better():
    assert "below 1 is better" in drawn("fewer is better", "ratio_over_time").description
    assert "above 1 is better" in drawn("five", "ratio_over_time").description


# ------------------------------------------------------------------------------- nothing to draw yet


def nothing_of(found):
    return [name for name in OF_RESULTS if picture(name, found) is None]


def test_nothing_is_drawn_before_there_is_something():
    bare = {**RESULTS["two"], "path": [], "arms": [], "provisional": []}
    assert nothing_of(bare) == list(OF_RESULTS)
    assert nothing_of(result(KEYS[:2], 1)) == ["ratio_over_time", "help_over_time", "evidence_over_time"]
    assert nothing_of(result(KEYS[:2], 9, design="fixed")) == ["ratio_over_time", "evidence_over_time"]
    assert picture("tradeoff", {"detectable": [{"days": 30, "ratio": None}, {"days": 90, "ratio": 1.3}]}) is None


def test_days_without_events_and_unbounded_bands_are_drawn():
    found = json.loads(json.dumps(RESULTS["two"]))
    found["path"][0]["ratios"] = [[1, 1, 1], None]
    found["path"][1]["ratios"] = [[1, 1, 1], [0.4, None, None]]
    made = picture("ratio_over_time", found)
    assert made.table.rows[0][1] == "at least 0.40"
    assert "NaN" not in made.svg


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ValueError, match="there is no picture 'pie'"):
        picture("pie", RESULTS["two"])


# ------------------------------------------------------------------------------------ colour and print


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def themes():
    """Role → colour of the light and the dark page, as the stylesheet says."""
    blocks = re.findall(r"\.chart \{([^}]*--c-[^}]*)\}", CSS)
    found = [dict(re.findall(r"--c-([a-z0-9]+): (#[0-9a-f]{6})", block)) for block in blocks]
    return {"light": (found[0], ("#ffffff", "#fbfbf9")), "dark": (found[1], ("#14191f", "#1c232b"))}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_role_stands_out_from_the_page(theme):
    colours, papers = themes()[theme]
    assert len(colours) >= 15
    for paper in papers:
        for role in ("ink", "soft", *map(str, range(12))):
            assert contrast(colours[role], paper) >= 4.5, (role, paper)


def test_the_stylesheet_and_the_drawing_agree():
    light = themes()["light"][0]
    for colour, role in svg.ROLES.items():
        name = role.removeprefix("c-")
        assert light.get(name, "#ffffff") == svg.LIGHT[colour]
        assert f".fill-{role} " in CSS
        assert f".stroke-{role} " in CSS


def test_nothing_depends_on_colour_alone():
    assert len({str(dash) for dash in DASHES}) == len(set(SHAPES)) == len(SERIES) == 12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", ["five", "twelve"])
def test_print_stands_alone_in_black_and_white(case, name):
    made = drawn(case, name, "print")
    (root,) = roots(made)
    assert root.get("width") == "720"
    greys = set(re.findall(r"#[0-9a-f]{6}", made.svg))
    assert all(grey[1:3] == grey[3:5] == grey[5:7] for grey in greys)
    assert "#000000" in greys
    assert [e.get("class") for e in root.iter() if e.get("class")] == ["chart chart-print"]


# -------------------------------------------------------------------------------------------- keeping


def test_a_drawing_is_kept_by_what_it_shows():
    assert picture("flow", json.loads(json.dumps(RESULTS["five"]))) is drawn("five", "flow")
    changed = json.loads(json.dumps(RESULTS["five"]))
    changed["arms"][0]["conversions"] += 1
    assert picture("flow", changed) is not drawn("five", "flow")


def test_naming_pictures_loads_nothing_that_draws():
    code = "import sys, app.charts; print([m for m in ('altair', 'vl_convert', 'stats') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
