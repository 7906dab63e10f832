"""Task cards: every mistake has a place, and what ships is sound."""

import json
from pathlib import Path

import jsonschema
import pytest
from task_helpers import REPO, MakeCard

from ensemble_core import documents
from ensemble_core.documents import DocumentErrors
from ensemble_core.errors import InputError
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import card_names, find_card, load_card, search_path
from ensemble_core.tasks.schema import task_json_schema

SHIPPED = REPO / "sweeps" / "tasks"
PLAIN = "sources:\n  - files: {train: a.jsonl}\n    fields: {question: q, answer: a}\n"


def problems(make_card: MakeCard, text: str) -> list[str]:
    """Every problem as `line:column key: message (hint)`."""
    with pytest.raises(DocumentErrors) as raised:
        make_card(text)
    return [f"{p.line}:{p.column} {p.key}: {p.message} ({p.hint})" for p in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('prompt: "{{ qestion }}"', "5:9 prompt: the template uses `qestion`"),
        ('prompt: "{{ qestion }}"', "did you mean `question`?"),
        ('prompt: "{{ answer }}"', "5:9 prompt: the template uses `answer`"),
        ('answer: "{{ letter }}"', "5:9 answer: the template uses `letter`"),
        ('answer: "{{ answer"', "5:9 answer: the template can't be used"),
        ('answer: "{% macro f() %}{% endmacro %}"', "`macro` is not allowed"),
        ("promt: x", "5:1 promt: unknown key"),
        ("extract: {pattern: '('}", "5:20 extract.pattern: is not a regular expression"),
        ("extract: {pattern: '(a)(b)'}", "5:20 extract.pattern: has 2 groups"),
        ("extract: {pattern: a, take: frist}", "5:29 extract.take: `frist` is not known here"),
        ("groups: {dificulty: {easy: [1]}}", "5:21 groups.dificulty: no source has `dificulty`"),
    ],
)
def test_a_mistake_has_its_place(make_card: MakeCard, text: str, expected: str) -> None:
    assert expected in "\n".join(problems(make_card, PLAIN + text))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{files: {train: ../a.jsonl}}", "must lie below the data root"),
        ("{files: {train: /a.jsonl}}", "must lie below the data root"),
        ("{files: {train: x/../../a.jsonl}}", "must lie below the data root"),
        ("{files: {train: a.txt}}", "ends in none of .jsonl"),
        ("{files: {train: 'a.jsonl[90]'}}", "ends in none of .jsonl"),
        ("{files: {train: '../a.jsonl[:9]'}}", "must lie below the data root"),
        ("{files: {train: []}}", "must not be empty"),
        ("{}", "name exactly one of files, hub, generator"),
        ("{files: a.csv, hub: {dataset: a/b}}", "name exactly one of files, hub, generator"),
        ("{files: a.csv, shares: {train: 0.5, test: 0.6}}", "must sum to 1, not 1.1"),
        ("{files: {train: a.csv}, shares: {train: 1.0}}", "has splits of its own"),
        ("{generator: {family: leters, difficulties: [1]}}", "did you mean `letters`?"),
        ("{generator: {family: letters, difficulties: [1, 9]}}", "there is no difficulty 9"),
        ("{generator: {family: letters, difficulties: [1, 1]}}", "1 stands here twice"),
        ("{generator: {family: letters, difficulties: []}}", "must not be empty"),
        (
            "{generator: {family: letters, difficulties: [1]}, fields: {answer: a}}",
            "a generator's fields are known",
        ),
        ("{hub: {dataset: csv}}", "`csv` is not owner/name"),
        ("{hub: {dataset: a/b, splits: {train: '../x'}}}", "does not match"),
        ("{files: a.csv, fields: {question: q}}", "name exactly one of answer, answer_index"),
        ("{files: a.csv, fields: {answer_index: a}}", "fields.answer_index: goes with `choices`"),
        ("{files: a.csv, fields: {answer: a, labels: l}}", "labels: goes with `answer_label`"),
        (
            "{files: a.csv, fields: {answer: a, choices: c, distractors: d}}",
            "distractors: goes without `choices`",
        ),
        (
            "{files: a.csv, fields: {answer: a, attributes: {size: s}}}",
            "attributes.size: is no name for an attribute",
        ),
        (
            "{files: a.csv, fields: {answer: a, variables: {answer: s}}}",
            "variables.answer: is no name for a variable",
        ),
        ("{files: a.csv, fields: {answer: a, choices: {value: [x]}}}", "did you mean `values`?"),
    ],
)
def test_a_source_is_strict(make_card: MakeCard, source: str, expected: str) -> None:
    assert expected in "\n".join(problems(make_card, f"sources:\n  - {source}\n"))


def test_all_mistakes_at_once(make_card: MakeCard) -> None:
    found = problems(
        make_card,
        "sources:\n  - files: {train: /a.jsonl}\n  - {}\nprompt: '{{ q'\nextract: {pattern: '('}\n",
    )
    assert [text.split(":")[0] for text in found] == ["3", "4", "5", "6"]


def test_the_name_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(f"task: quiz\n{PLAIN}")
    with pytest.raises(DocumentErrors, match=r"other\.yaml:1:7: task: `quiz` is not the file's"):
        load_card(path)


def test_cards_are_looked_for_beside_the_sweep_first(tmp_path: Path) -> None:
    for folder, prompt in (("mine/tasks", "mine"), ("shipped", "shipped")):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("quiz", folder.split("/")[0]):
            text = f"task: {name}\n{PLAIN}prompt: {prompt}\n"
            (tmp_path / folder / f"{name}.yaml").write_text(text)
    search = search_path(tmp_path / "mine" / "sweep.yaml", [tmp_path / "shipped"])
    assert find_card("quiz", search).prompt == "mine"
    assert find_card("shipped", search).prompt == "shipped"
    with pytest.raises(InputError, match="did you mean `quiz`"):
        find_card("quizz", search)


def test_a_card_survives_json(make_card: MakeCard) -> None:
    """Workers get a card as JSON, without its file."""
    for card in [make_card(PLAIN), *(load_card(path) for path in SHIPPED.glob("*.yaml"))]:
        again = TaskCard.model_validate(card.model_dump(mode="json", exclude_none=True))
        assert again.model_dump() == card.model_dump()


def test_unpinned_names_hub_datasets_at_a_branch(make_card: MakeCard) -> None:
    commit = "0123456789" * 4
    card = make_card(
        f"sources:\n  - hub: {{dataset: lab/pinned, revision: '{commit}'}}\n"
        "  - hub: {dataset: lab/branch}\n  - files: a.csv\n"
    )
    assert card.unpinned == ("lab/branch",)


@pytest.mark.parametrize("name", card_names(SHIPPED))
def test_shipped_cards(name: str) -> None:
    path = SHIPPED / f"{name}.yaml"
    card = load_card(path)
    assert card.about
    assert path.read_text().startswith("# yaml-language-server: $schema=task.schema.json\n")
    jsonschema.validate(documents.read(path).data, task_json_schema())


def test_the_committed_schema_is_the_models() -> None:
    committed = json.loads((SHIPPED / "task.schema.json").read_text())
    assert committed == task_json_schema(), "write it anew: w2s schema task"
    jsonschema.Draft202012Validator.check_schema(committed)


def test_the_schema_refuses_what_the_models_refuse() -> None:
    schema = task_json_schema()
    good = {"task": "a", "sources": [{"files": "a.csv", "fields": {"answer": "a"}}]}
    jsonschema.validate(good, schema)
    for bad in ({**good, "promt": "x"}, {**good, "sources": []}, {**good, "task": "a b"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
