"""YAML with positions: what is read, what is refused, and where things stand."""

import pickle
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from ensemble_core.documents import (
    DocumentErrors,
    LocatedError,
    Problem,
    did_you_mean,
    nearest,
    parse,
    read,
    validate,
)
from ensemble_core.errors import InputError
from ensemble_core.settings import Settings


def data_of(text: str) -> Any:
    return parse(text, path="f.yaml").data


def messages(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, path="f.yaml").problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("+3", 3),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"3"', "3"),
        ("'true'", "true"),
        ("|\n  text", "text\n"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = data_of(f"key: {text}\n")["key"]
    assert found == value
    assert type(found) is type(value)


def test_plain_data_is_what_pyyaml_reads() -> None:
    text = "a: [1, {b: x}]\nc:\n- d: true\n  e: |\n    two\n    lines\n- 'f'\n"
    assert data_of(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: the key stands here twice (first at line 1)"),
        ("a: &x 1\n", "f.yaml:1:4: a: anchors (`&x`) are not allowed (write the value out)"),
        ("a: *x\n", "f.yaml:1:4: a: aliases (`*x`) are not allowed (write the value out)"),
        ("a: !!str 1\n", "f.yaml:1:4: a: tags (`!!str`) are not allowed (write the value out)"),
        ("a: !x {}\n", "f.yaml:1:4: a: tags (`!x`) are not allowed (write the value out)"),
        ("a: {3: x}\n", 'f.yaml:1:5: a: a key must be text, and `3` is not (quote it: "3")'),
        (
            "a:\n  true: x\n",
            'f.yaml:2:3: a: a key must be text, and `true` is not (quote it: "true")',
        ),
        ("? [a]\n: 1\n", "f.yaml:1:3: a key must be text"),
        ("a: .inf\n", "f.yaml:1:4: a: `.inf` is not finite; a number must be"),
        ("a: 1e999\n", "f.yaml:1:4: a: the number `1e999` is too large"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document (one file holds one document)"),
    ],
)
def test_what_is_refused_is_located_and_reading_goes_on(text: str, expected: str) -> None:
    assert expected in messages(text)


def test_merge_keys_are_refused_by_name() -> None:
    assert any("merge keys" in text for text in messages("a: {b: 1}\nc:\n  <<: {d: 1}\n"))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\tb: 1\n", (2, 1), "indent with spaces"),
        ("a: [1, 2\nb: 3\n", (2, 2), "not valid YAML"),
        ("a: 'x\n", (2, 1), "not valid YAML"),
        ("a: b: c\n", (1, 5), "not valid YAML"),
        ("a: 1\nb: \x07\n", (2, 4), "not allowed"),
    ],
)
def test_syntax_errors_are_located(text: str, place: tuple[int, int], words: str) -> None:
    with pytest.raises(DocumentErrors) as caught:
        parse(text, path="f.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == place
    assert words in str(problem)


def test_deep_nesting_is_refused_without_a_crash() -> None:
    assert any("nested too deep" in text for text in messages("a: " + "[" * 500 + "]" * 500))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match=r"stduy\.yaml: there is no such file.*`study\.yaml`"):
        read(tmp_path / "stduy.yaml")
    with pytest.raises(InputError, match="can't be read"):
        read(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(DocumentErrors, match=r"latin\.yaml:2:7: the file is not UTF-8 text"):
        read(tmp_path / "latin.yaml")


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    document = read(tmp_path / "a.yaml")
    assert document.data == {"a": 1, "b": "x"}
    assert document.position(("b",)) == (2, 4)


# Any plain tree, written by PyYAML in block or flow style, and read back.
names = st.text(st.characters(codec="utf-8", categories=("Ll", "Lu")), min_size=1, max_size=6)
keys = names.map(lambda name: f"k{name}")
scalars = st.one_of(st.integers(-99, 99), keys, st.booleans(), st.text("ab #:-'\"\n", max_size=8))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(keys, trees, min_size=1, max_size=4), st.sampled_from([True, False, None]))
def test_positions_point_at_what_stands_there(tree: dict[str, Any], flow: bool | None) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    document = parse(text, path="f.yaml")
    assert document.data == tree
    lines = text.splitlines()
    for loc, (line, column) in document.keys.items():
        assert lines[line - 1][column - 1 :].startswith(str(loc[-1]))
    for loc, (line, column) in document.values.items():
        value = tree
        for part in loc:
            value = value[part]  # type: ignore[index]
        if isinstance(value, (bool, int)):
            assert lines[line - 1][column - 1 :].startswith(str(value).lower())


def test_a_missing_place_falls_back_to_what_stands_above() -> None:
    document = parse("a:\n  b: [1, 2]\n", path="f.yaml")
    assert document.position(("a", "b", 1)) == (2, 10)
    assert document.position(("a", "b", 7)) == (2, 6)
    assert document.position(("a", "c")) == (1, 1)
    assert document.position(("x", "y")) == (1, 1)


class Part(Settings, frozen=True):
    size: Annotated[int, Field(ge=1)] = 1
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.5
    shape: Literal["round", "square"] = "round"
    on: bool = False


class Whole(Settings, frozen=True):
    name: str
    part: Part | Literal["none"] = "none"
    parts: tuple[Part, ...] = ()
    many: Annotated[tuple[int, ...], Field(min_length=1)] | int = 1
    low: int = 0
    high: int = 9

    @model_validator(mode="after")
    def _ordered(self) -> "Whole":
        if self.low > self.high:
            raise LocatedError("must be above `low`", ("high",), "swap them")
        return self


def complaints(text: str) -> list[str]:
    with pytest.raises(DocumentErrors) as caught:
        validate(Whole, parse(text, path="f.yaml"))
    return [str(problem).removeprefix("f.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n", "1:1: expected a mapping, not a list"),
        ("low: 1\n", "1:1: the key `name` is missing"),
        ("name: 3\n", "1:7: name: expected text, not 3"),
        ("name:\n", "1:1: name: is empty; expected text"),
        ("name: a\nnmae: b\n", "2:1: nmae: unknown key (allowed: name, part, parts, many, low,"
         " high; did you mean `name`?)"),
        ("name: a\npart: {size: 0}\n", "2:14: part.size: must be at least 1, not 0"),
        ("name: a\npart: {size: 2.0}\n", "2:14: part.size: expected a whole number, not 2.0"),
        ("name: a\npart: {size: true}\n", "2:14: part.size: expected a whole number, not true"),
        ("name: a\npart: {rate: '0.1'}\n", "2:14: part.rate: expected a number, not `0.1`"),
        ("name: a\npart: {rate: 1}\n", "2:14: part.rate: must be below 1, not 1"),
        ("name: a\npart: {on: yes}\n", "2:12: part.on: expected true or false, not `yes`"
         " (write true)"),
        ("name: a\npart: {shape: rond}\n", "2:15: part.shape: `rond` is not known here"
         " (allowed: round, square; did you mean `round`?)"),
        ("name: a\npart: 3\n", "2:7: part: expected a mapping or none, not 3"),
        ("name: a\npart: {sise: 1}\n", "2:8: part.sise: unknown key"
         " (allowed: size, rate, shape, on; did you mean `size`?)"),
        ("name: a\nmany: x\n", "2:7: many: expected a list or a whole number, not `x`"),
        ("name: a\nmany: [1, x]\n", "2:11: many[1]: expected a whole number, not `x`"),
        ("name: a\nmany: []\n", "2:7: many: must not be empty"),
        ("name: a\nparts:\n- size: 1\n- size: x\n", "4:9: parts[1].size: expected a whole number,"
         " not `x`"),
        ("name: a\nlow: 5\nhigh: 2\n", "3:7: high: must be above `low` (swap them)"),
    ],
)  # fmt: skip
def test_one_clear_complaint_per_value(text: str, expected: str) -> None:
    assert complaints(text) == [expected]


def test_all_problems_come_at_once_and_in_order() -> None:
    found = complaints("name: 1\nname: 2\nx: &a 1\npart: {size: 0, rate: 7}\nlow: a\n")
    assert [text.split(": ")[0] for text in found] == [
        "1:7",
        "2:1",
        "3:1",
        "3:4",
        "4:14",
        "4:23",
        "5:6",
    ]


def test_a_valid_document_becomes_a_frozen_model() -> None:
    document = parse("name: a\nmany: [1, 2]\npart: {rate: 1e-4}\n", path="f.yaml")
    whole = validate(Whole, document)
    assert whole == Whole(name="a", many=(1, 2), part=Part(rate=1e-4))


def test_errors_survive_pickling() -> None:
    error = DocumentErrors([Problem("f", 2, 1, "b", "y"), Problem("f", 1, 1, "a", "x", "h")])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert copy.problems == error.problems
    assert str(copy) == str(error) == "f:1:1: a: x (h)\nf:2:1: b: y"
    assert copy.exit_status == 2


def test_nearest_names() -> None:
    assert nearest("epoch", ["epochs", "rounds"]) == "epochs"
    assert nearest("Learning-Rate", ["learning_rate"]) == "learning_rate"
    assert nearest("zzz", ["epochs"]) is None
    assert did_you_mean("zzz", ["a", "b"]) == "allowed: a, b"
    assert did_you_mean("epoch", ["epochs"], listed=0) == "did you mean `epochs`?"
