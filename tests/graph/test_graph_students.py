"""Generations of students, experts of several models, and no student: what is made of what."""

import pytest
from graph_helpers import SWEEP, cell, graph

from w2s_platform.graph.model import Cell

STUDENT = ("student: {model: nano-s}", "student: {model: nano-s, later: [LATER]}")
TWO = "{model: nano-m}, {model: nano-l, layers: 2, training: {epochs: 5}}"
SLICES = (
    "transfer: nano-mixed[size=20]",
    "transfer: ['nano-mixed[size=20]', 'nano-mixed[size=8]', 'nano-letters[size=6]']",
)


def generations(more: str = "", *replacements: tuple[str, str]) -> Cell:
    return cell(more, STUDENT, ("LATER", TWO), *replacements)


def test_later_students_change_nothing_of_what_is_there() -> None:
    one, three = cell(), generations()
    assert set(one.stages) < set(three.stages)
    assert dict(one.models).items() <= dict(three.models).items()
    assert set(three.models) - set(one.models) == {
        "student_2",
        "ceiling_2",
        "student_3",
        "ceiling_3",
    }


def test_each_student_learns_from_the_one_before_it() -> None:
    made = graph(SWEEP.replace(*STUDENT).replace("LATER", TWO))
    [only] = made.cells
    written = {name: made.stages[made.stages[only.models[name]].inputs["labels"]]
               for name in ("student", "student_2", "student_3")}  # fmt: skip
    assert written["student"].inputs["model"] == only.models["ensemble"]
    assert written["student_2"].inputs["model"] == only.models["student"]
    assert written["student_3"].inputs["model"] == only.models["student_2"]
    assert {m.subject for m in only.measures if m.role == "transfer"} == {
        "ensemble", "floor", "student", "student_2",
    }  # fmt: skip


def test_a_later_student_takes_over_what_it_does_not_say() -> None:
    own = ("{model: nano-s", "{model: nano-s, training: {epochs: 2}, adapter: lora")
    made = graph(SWEEP.replace(*STUDENT).replace("LATER", TWO).replace(*own))
    settings = {name: made.stages[key].settings for name, key in made.cells[0].models.items()}
    epochs = [
        settings[name]["training"]["epochs"] for name in ("student", "student_2", "student_3")
    ]
    assert epochs == [2, 2, 5]
    assert settings["ceiling_3"]["training"] == settings["student_3"]["training"]
    assert settings["student_2"]["adapter"] == settings["student"]["adapter"] != "full"
    assert [settings[name].get("layers") for name in ("student_2", "student_3")] == [None, 2]


def test_generations_may_have_questions_of_their_own() -> None:
    made = graph(SWEEP.replace(*STUDENT).replace("LATER", TWO).replace(*SLICES))
    models = made.cells[0].models
    data = [made.stages[models[name]].inputs["transfer"]
            for name in ("student", "student_2", "student_3")]  # fmt: skip
    assert [made.stages[key].settings["slice"]["size"] for key in data] == [20, 8, 6]
    for earlier, later in ((0, 1), (0, 2), (1, 2)):
        assert data[earlier] in made.stages[data[later]].inputs.values(), "it is left out"
    assert data == [made.stages[models[f"ceiling{n}"]].inputs["transfer"] for n in ("", "_2", "_3")]


def test_the_last_slice_serves_the_rest() -> None:
    alone, listed = generations(), generations("", (SLICES[0], "transfer: ['nano-mixed[size=20]']"))
    assert alone == listed
    two = (
        "transfer: nano-mixed[size=20]",
        "transfer: ['nano-mixed[size=20]', 'nano-mixed[size=8]']",
    )
    made = graph(SWEEP.replace(*STUDENT).replace("LATER", TWO).replace(*two))
    models = made.cells[0].models
    first, second, third = (made.stages[models[name]].inputs["transfer"]
                            for name in ("student", "student_2", "student_3"))  # fmt: skip
    assert first != second == third


def test_models_of_a_mix_take_turns() -> None:
    mix = ("rounds: 3", "rounds: 5, mix: [nano-s, {nano: nano-m, layers: 1}]")
    made = graph(SWEEP.replace(*mix))
    [only] = made.cells
    rounds = [made.stages[key] for key in only.rounds]
    sources = [made.stages[stage.inputs["pretrained"]].label for stage in rounds]
    assert sources == ["nano-xs", "nano-s", "nano-m", "nano-xs", "nano-s"]
    assert [stage.settings.get("layers") for stage in rounds] == [None, None, 1, None, None]
    assert [stage.settings.get("own_reference") for stage in rounds] == [None, *[True] * 4]
    bags = {stage.settings["bag"]: made.stages[stage.inputs["pretrained"]].label
            for stage in made.stages.values() if stage.kind == "bag"}  # fmt: skip
    assert [bags[number] for number in range(1, 6)] == sources
    long = cell("baselines: [floor, long]\n", mix)
    assert (
        long.models["long"]
        == cell("baselines: [long]\n", ("rounds: 3", "rounds: 5")).models["long"]
    )


@pytest.mark.parametrize("more", ["", "baselines: [floor, bagging, long]\n"])
def test_without_a_student_the_experts_are_the_same(more: str) -> None:
    alone = cell(more, ("student: {model: nano-s}\n", ""))
    whole = cell(more)
    assert set(alone.stages) < set(whole.stages)
    assert set(alone.models) == {"weak_base", "ensemble", "floor", "bagging"} | (
        {"long"} if more else set()
    )
