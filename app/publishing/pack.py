"""What is in the pack, and where it goes."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.charts import Picture, picture
from app.publishing.page import day, page, texts
from experiments.errors import InvalidInput, Refused
from experiments.protocol_markdown import markdown
from experiments.publication.consort import checklist
from experiments.publication.release import Release
from experiments.surroundings import iso

OVER_TIME = ("ratio_over_time", "help_over_time", "evidence_over_time")
FEWEST_POINTS = 3  # of a curve
SCRIPT = Path(__file__).parents[2] / "experiments" / "publication" / "recompute.py"
LIBRARIES = ("numpy", "scipy", "statsmodels")

Files = dict[str, bytes]


def pack(release: Release) -> Files:
    """Return the files by name. Raises Refused where the script would not say "equal"."""
    charts = dict(_charts(release))
    texts_of: dict[str, str] = {
        "README.md": texts("readme.md", release),
        "report.html": page(release, list(charts.values())),
        "report.json": _json(report_document(release)),
        "counts.csv": release.table.to_csv(),
        "left-out.csv": release.table.left_out_csv(),
        "recompute.py": SCRIPT.read_text(encoding="utf-8"),
        "requirements.txt": "".join(f"{name}=={version(name)}\n" for name in LIBRARIES),
        "protocol.md": markdown(release.protocol),
        "protocol.json": _json(release.protocol.to_dict()),
        "deviations.csv": _csv(("on", "what", "why"), _deviations(release)),
        "consort-2025.csv": _csv(
            ("item", "topic", "asks", "known", "author"),
            ((i.number, i.topic, i.asks, i.known, i.author) for i in checklist(release)),
        ),
        **{f"charts/{name}.svg": _alone(drawn) for name, drawn in charts.items()},
    }
    files = {name: text.encode() for name, text in texts_of.items()}
    _check(files)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    return {**files, "SHA256SUMS": sums.encode()}


def _charts(release: Release) -> Iterator[tuple[str, Picture]]:
    """Pictures of the published report; its periods are called by their last day, so that they have an axis of time."""
    path = [{**point, "period": _last_day(point["period"])} for point in release.report["path"]]
    told = {**release.report, "primary_outcome": release.internal.primary_outcome, "path": path}
    for name in ("intervals", *(OVER_TIME if len(path) >= FEWEST_POINTS else ())):
        drawn = picture(name, told, theme="print")
        if drawn is not None:
            yield name, drawn


def _last_day(period: str) -> str:
    """The Sunday of its last week."""
    year, week = period.rpartition(" to ")[2].split("-W")
    return dt.date.fromisocalendar(int(year), int(week), 7).isoformat()


def report_document(release: Release) -> dict[str, Any]:
    """What report.json holds."""
    result, report = release.internal, release.report
    return {
        "schema": 1, "experiment": release.experiment, "version": release.version.number, "title": result.title,
        "simulated": result.simulated, "started": result.started, "stopped": result.stopped,
        "counted_until": result.sealed_until, "protocol_sha256": release.protocol.sha256, "plan": release.plan,
        "status": report["status"], "status_arms": report["status_arms"], "status_reason": report["status_reason"],
        "figures": release.figures, "differences": [asdict(one) for one in release.differences],
    }  # fmt: skip


def _deviations(release: Release) -> Iterator[Sequence[Any]]:
    """Without names: who did it is in the internal log."""
    yield from ((day(iso(one.at)), one.what, one.why or "") for one in release.deviations)


def _check(files: Mapping[str, bytes]) -> None:
    """Run the script on what is to be handed out."""
    from experiments.publication import recompute  # noqa: PLC0415  (with statsmodels, which takes seconds to load)

    told = json.loads(files["report.json"])
    found = recompute.report(recompute.Trial(files["counts.csv"].decode(), told["plan"]))
    wrong = recompute.differences(told["figures"], found)
    if wrong:
        raise Refused(f"a figure does not follow from the published table, so nothing is published: {wrong[0]}")


def _alone(drawn: Picture) -> str:
    text = str(drawn.svg)
    return text if text.startswith("<?xml") else f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------------ where it goes


def zipped(files: Files, folder: str) -> bytes:
    """Return a zip with one folder in it; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(f"{folder}/{name}"), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def to_folder(files: Files, folder: Path) -> None:
    """Write the files into a folder that is new or empty; a folder that is not stays as it is."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is there already and not an empty folder; name another one", pointer="--to")
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}", pointer="--to") from None


def to_zip(files: Files, path: Path, folder: str) -> None:
    """Write the zip beside its place first, so that half a file is never found there."""
    part = path.with_name(path.name + ".part")
    try:
        if path.exists():
            raise InvalidInput(f"{path} is there already; name another one", pointer="--to")
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(zipped(files, folder))
        part.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", pointer="--to") from None
