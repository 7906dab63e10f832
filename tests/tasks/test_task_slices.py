"""Slices: both forms say the same, and a mistake is explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ensemble_core.errors import InputError
from ensemble_core.tasks.slices import SliceSpec, parse_slice


@pytest.mark.parametrize(
    ("short", "mapping"),
    [
        ("arc-easy", {"task": "arc-easy"}),
        (
            "arc-easy[difficulty=Low|Medium]",
            {"task": "arc-easy", "select": {"difficulty": ["Medium", "Low"]}},
        ),
        (
            " arc-easy [ difficulty = Low | Medium , grade = Grade 08 ] ",
            {"task": "arc-easy", "select": {"difficulty": ("Low", "Medium"), "grade": "Grade 08"}},
        ),
        (
            'x[topic="a, b|c"|d, split=test, size=20]',
            {"task": "x", "select": {"topic": ["a, b|c", "d"]}, "split": "test", "size": 20},
        ),
        ("x[difficulty=2..4]", {"task": "x", "select": {"difficulty": "2..4"}}),
        ("x[difficulty=3]", {"task": "x", "select": {"difficulty": 3}}),
        ("x[difficulty=3.0|1]", {"task": "x", "select": {"difficulty": [1, 3.0]}}),
        ("x[flag=true]", {"task": "x", "select": {"flag": True}}),
    ],
)
def test_both_forms(short: str, mapping: dict[str, object]) -> None:
    spec = parse_slice(short)
    assert spec == SliceSpec.model_validate(mapping) == SliceSpec.model_validate(short)
    assert parse_slice(str(spec)) == spec
    assert SliceSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_label_is_task_and_selection() -> None:
    assert parse_slice("x[b=2|1, a=y, split=test, size=3]").label == "x[b=1|2,a=y]"
    assert str(parse_slice("x[split=test, size=3]")) == "x[split=test,size=3]"


values = st.text(
    st.characters(exclude_characters='"', exclude_categories=["C", "Z"]) | st.just(" "),
    min_size=1,
).filter(lambda text: text.strip() == text)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("split", "size", "task")
)


@given(
    st.builds(
        SliceSpec,
        task=st.from_regex(r"[a-z][a-z0-9.-]*", fullmatch=True),
        select=st.dictionaries(names, st.lists(values, min_size=1, max_size=3), max_size=3),
        split=st.none() | st.from_regex(r"[a-z]+", fullmatch=True),
        size=st.none() | st.integers(1, 10_000),
    )
)
def test_written_slices_read_back(spec: SliceSpec) -> None:
    assert parse_slice(str(spec)) == spec


@pytest.mark.parametrize(
    ("short", "what"),
    [
        ("", "is not a slice"),
        ("a b", "is not a slice"),
        ("a[b=1", "is not a slice"),
        ("a[]", "is not name=value"),
        ("a[b]", "is not name=value"),
        ("a[b=]", "is not name=value"),
        ("a[b=1|]", "is not name=value"),
        ("a[b=1||2]", "is not name=value"),
        ("a[b=1, b=2]", "`b` stands twice"),
        ("a[size=many]", "`size` takes a whole number"),
        ("a[size=0]", "`size`: Input should be greater than or equal to 1"),
        ("a[split=x|y]", "`split` takes one value"),
    ],
)
def test_malformed(short: str, what: str) -> None:
    with pytest.raises(InputError, match=what.replace("[", r"\[")):
        parse_slice(short)
    with pytest.raises(ValidationError):
        SliceSpec.model_validate(short)


def test_schema_takes_both_forms() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = TypeAdapter(dict[str, SliceSpec]).json_schema()
    good = {"task": "a", "select": {"d": [1, "x"], "e": "2..4"}, "size": 3}
    jsonschema.validate({"x": "a[b=1]", "y": good}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"x": {**good, "sise": 3}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"x": {**good, "size": 0}}, schema)
