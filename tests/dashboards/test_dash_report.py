"""The report: one file, with everything in it, and nothing in it that runs by itself."""

import base64
import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ledgers import cell, grid, write_sweep

from dashboards.report.write import write_report
from ensemble_core.errors import InputError
from w2s_platform.cli.main import execute
from w2s_platform.results import load
from w2s_platform.results.summary import summarise, varied_columns
from w2s_platform.store import Store


def unpacked(html: str, name: str) -> str:
    found = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', html)
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def blocks(html: str) -> dict[str, Any]:
    return json.loads(unpacked(html, "w2s-data"))


def test_the_command_writes_one_file(
    filled: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "study.yaml"
    sweep.write_text(
        "sweep: study\ntasks:\n  labelled: nano-letters[size=10]\n  transfer: nano-mixed[size=10]\n"
        "  validation: nano-letters[size=10]\n  id: nano-letters[size=10]\n"
        "experts: {model: nano-s, rounds: 1}\nstudent: {model: nano-m}\n"
    )
    out = tmp_path / "reports" / "new"
    assert execute(["report", str(sweep), "--store", filled.url, "--out", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["study.html"]
    assert str(out / "study.html") in capsys.readouterr().out


def test_the_commands_are_found_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Look:")[2].split()
    assert {"dashboard", "report"} <= set(listed)
    for name in ("dashboard", "report"):
        assert execute([name, "--help"]) == 0
        assert f"w2s {name}" in capsys.readouterr().out.partition("Examples:")[2]


@pytest.fixture(scope="module")
def html(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(filled.url, "study", tmp_path_factory.mktemp("report")).read_text()


def test_it_has_the_numbers_of_results(filled: Store, html: str) -> None:
    rows = load(filled, "study")
    keys = [key for key in varied_columns(rows) if rows[key].nunique() > 1]
    means = summarise(rows[rows["metric"] == "accuracy"], keys)
    apart = [*keys, "role", "subject"]
    wanted = {tuple(str(m[k]) for k in apart): m["mean"] for m in means.to_dict("records")}
    shown = csv.DictReader(io.StringIO(blocks(html)["worked-levels"]["csv"]))
    got = {tuple(line[key] for key in apart): float(line["mean"]) for line in shown}
    assert got == pytest.approx(wanted)


def test_it_asks_the_network_for_nothing(html: str) -> None:
    outside = html.replace(re.search(r'id="w2s-plotly">[^<]*', html)[0], "")  # type: ignore[index]
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", outside)
    assert "default-src 'none'" in html
    assert "Plotly" in unpacked(html, "w2s-plotly")


@pytest.mark.slow
def test_a_thousand_cells_fit_into_six_megabytes(empty: Store, tmp_path: Path) -> None:
    write_sweep(empty, "large", grid("large", 1000))
    path = write_report(empty.url, "large", tmp_path)
    assert path.stat().st_size <= 6 * 2**20
    assert blocks(path.read_text())["numbers-rows"]["csv"].count("\n") == 24_001


def test_a_sweep_without_results_is_an_error(empty: Store, tmp_path: Path) -> None:
    write_sweep(empty, "study", grid("study", 5), finished=0)
    with pytest.raises(InputError, match="no measurement has finished yet"):
        write_report(empty.url, "study", tmp_path)


def test_names_that_are_html_are_shown_and_not_run(empty: Store, tmp_path: Path) -> None:
    nasty = "</script><script>window.hacked = 1</script>"
    write_sweep(empty, "study", [cell("study", {"k": nasty}, s, task=nasty) for s in range(2)])
    html = write_report(empty.url, "study", tmp_path).read_text()
    assert "window.hacked" in html
    assert "<script>window.hacked" not in html
