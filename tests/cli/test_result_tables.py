"""The result tables: what stands where, with numbers worked out by hand."""

import pytest
from frames import mean, summary

from w2s_platform.cli.console import text_of
from w2s_platform.cli.render.layout import Layout
from w2s_platform.cli.render.metrics import show_interval
from w2s_platform.cli.render.results import result_layouts, short_keys, subject_order

NAN = float("nan")

ONE_CELL = summary(
    mean("floor", 0.4, 0.031),
    mean("ensemble", 0.4512, 0.02),
    mean("student", 0.6, 0.025),
    mean("ceiling", 0.9, 0.01),
    mean("floor", 0.2, 0.01, role="ood"),
    mean("student", 0.3, 0.05, role="ood", n=3),
    mean("student", 0.4, 0.1, metric="pgr"),
    mean("student", 0.25, 0.2, metric="pgr", role="ood", n=3, undefined=1),
    mean("student", 0.7, 0.1, role="validation"),
    mean("floor", 1.25, 0.5, metric="nll"),
)
GAPS = summary(
    mean("ensemble - floor", 0.0512, 0.011),
    mean("student - single", -0.01, 0.02),
    mean("ensemble - floor", 0.02, 0.03, metric="nll"),
)


def lines(layout: Layout) -> dict[str, tuple[str, ...]]:
    return {row.cells[0]: row.cells[1:] for row in layout.rows}


def one_table(metric: str = "accuracy") -> Layout:
    layouts = result_layouts(ONE_CELL, GAPS, sweep="study", metric=metric)
    assert len(layouts) == 1
    return layouts[0]


def test_a_mean_is_shown_in_percent_with_half_of_its_interval_and_n() -> None:
    table = one_table()
    assert table.columns == ("", "ID", "OOD", "n")
    assert lines(table)["floor"] == ("40.0 ±3.1", "20.0 ±1.0", "4")
    assert lines(table)["ensemble"] == ("45.1 ±2.0", "", "4")
    assert lines(table)["student"] == ("60.0 ±2.5", "30.0 ±5.0", "4, 3")


def test_pgr_stands_below_and_counts_the_seeds_without_one() -> None:
    table = one_table()
    assert lines(table)["PGR, student"] == ("40.0 ±10.0", "25.0 ±20.0", "4, 3 of 4")
    assert any("has no PGR" in note for note in table.notes)


def test_differences_carry_their_sign_and_are_bold_where_zero_is_outside() -> None:
    rows = {row.cells[0]: row for row in one_table().rows}
    assert rows["ensemble − floor"].cells[1] == "+5.1 ±1.1"
    assert rows["student − single"].cells[1] == "−1.0 ±2.0"
    assert rows["ensemble − floor"].style == "bold"
    assert rows["student − single"].style == ""


def test_subjects_pgr_and_differences_are_three_sections() -> None:
    sections = {row.cells[0]: row.section for row in one_table().rows}
    assert sections["ceiling"] < sections["PGR, student"] < sections["ensemble − floor"]


def test_a_metric_without_percent_keeps_its_unit_and_shows_no_pgr() -> None:
    table = one_table("nll")
    assert lines(table) == {
        "floor": ("1.250 ±0.500", "4"),
        "ensemble − floor": ("+0.020 ±0.030", "4"),
    }
    assert not any("PGR" in note for note in table.notes)


def test_pgr_stands_beside_choice_accuracy_where_no_answer_was_decoded() -> None:
    means = summary(
        mean("floor", 0.4, metric="choice_accuracy"),
        mean("floor", 1.5, metric="nll"),
        mean("student", 0.3, metric="pgr"),
    )
    [table] = result_layouts(means, summary(), sweep="study", metric="choice_accuracy")
    assert lines(table)["PGR, student"][0] == "30.0"
    [table] = result_layouts(means, summary(), sweep="study", metric="nll")
    assert "PGR, student" not in lines(table)


def test_validation_is_shown_only_where_nothing_was_tested() -> None:
    only = summary(mean("ensemble", 0.5, 0.1, role="validation"))
    [table] = result_layouts(only, summary(), sweep="study", metric="accuracy")
    assert table.columns == ("", "validation", "n")


def test_one_seed_has_no_interval_and_the_table_says_so() -> None:
    single = summary(mean("floor", 0.5, n=1))
    [table] = result_layouts(single, summary(), sweep="study", metric="accuracy")
    assert lines(table)["floor"] == ("50.0", "1")
    assert "one seed: no intervals" in table.notes


KEY = "experts.count"


def test_groups_become_lines_and_subjects_columns() -> None:
    means = summary(
        mean("floor", 0.4, 0.01, **{KEY: 1}),
        mean("ensemble", 0.41, 0.01, **{KEY: 1}),
        mean("expert_1", 0.41, 0.01, **{KEY: 1}),
        mean("floor", 0.4, 0.01, **{KEY: 4}),
        mean("ensemble", 0.46, 0.02, **{KEY: 4}),
    )
    gaps = summary(mean("ensemble - floor", 0.06, 0.01, **{KEY: 4}))
    level, gain = result_layouts(means, gaps, sweep="study", metric="accuracy", by=[KEY])
    assert level.columns == ("count", "floor", "ensemble")
    assert [row.cells for row in level.rows] == [
        ("1", "40.0 ±1.0", "41.0 ±1.0"),
        ("4", "40.0 ±1.0", "46.0 ±2.0"),
    ]
    assert "n = 4" in level.title
    assert [row.cells for row in gain.rows] == [("4", "+6.0 ±1.0")]


def test_groups_without_a_value_in_a_role_have_no_line_there() -> None:
    means = summary(
        mean("floor", 0.4, 0.1, task="sums"),
        mean("floor", 0.2, 0.1, role="ood", task="products"),
        mean("floor", 0.3, 0.1, role="validation", task="differences"),
    )
    tables = result_layouts(means, summary(), sweep="study", metric="accuracy", by=["task"])
    assert [[row.cells for row in table.rows] for table in tables] == [
        [("sums", "40.0 ±10.0")],
        [("products", "20.0 ±10.0")],
    ]


def test_a_run_that_has_only_begun_shows_what_there_is() -> None:
    means = summary(
        mean("weak_base", 0.1, role="transfer", **{KEY: 1}),
        mean("weak_base", 0.2, role="transfer", **{KEY: 2}),
    )
    [table] = result_layouts(means, summary(), sweep="study", metric="accuracy", by=[KEY])
    assert [row.cells for row in table.rows] == [("1", "10.0"), ("2", "20.0")]


def test_where_seeds_differ_between_groups_each_line_has_its_n() -> None:
    means = summary(
        mean("floor", 0.4, 0.01, n=4, **{KEY: 1}), mean("floor", 0.4, 0.01, n=2, **{KEY: 2})
    )
    [table] = result_layouts(means, summary(), sweep="study", metric="accuracy", by=[KEY])
    assert [row.cells[-1] for row in table.rows] == ["4", "2"]


def test_subjects_stand_in_the_order_of_the_method() -> None:
    later = ["student_10", "ceiling_2", "student_2"]
    first = ["ceiling", "expert_10", "expert_2", "student", "floor", "weak_base"]
    assert subject_order([*later, *first]) == [
        "weak_base",
        "floor",
        "expert_2",
        "expert_10",
        "student",
        "ceiling",
        "student_2",
        "ceiling_2",
        "student_10",
    ]


def test_later_students_stand_in_grids_too() -> None:
    means = summary(
        *(mean(name, 0.5, **{KEY: group}) for group in (1, 2) for name in ("student", "student_2"))
    )
    [table] = result_layouts(means, summary(), sweep="study", metric="accuracy", by=[KEY])
    assert table.columns[1:3] == ("student", "student_2")


@pytest.mark.parametrize(
    ("keys", "short"),
    [
        (["experts.count", "experts.combine"], ["count", "combine"]),
        (["experts.model", "student.model"], ["experts.model", "student.model"]),
        (["task"], ["task"]),
        (["experts.training.epochs", "epochs"], ["training.epochs", "epochs"]),
        (
            ["experts.training.epochs", "student.training.epochs"],
            ["experts…epochs", "student…epochs"],
        ),
        (["a.b.c", "a.x.c", "d.b.c"], ["a.b.c", "x.c", "d…c"]),
    ],
)
def test_keys_are_shortened_as_far_as_they_stay_apart(keys: list[str], short: list[str]) -> None:
    assert short_keys(keys) == short


def test_a_key_is_told_from_those_that_are_not_shown() -> None:
    every = ["experts.training.epochs", "student.training.epochs"]
    assert short_keys(every[:1], every) == ["experts…epochs"]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((0.6214, 0.6000, 0.6428, "accuracy"), "62.1 ±2.1"),
        ((0.6214, NAN, NAN, "accuracy"), "62.1"),
        ((NAN, NAN, NAN, "pgr"), "–"),
        ((1.5, 1.25, 1.75, "nll"), "1.500 ±0.250"),
        ((-0.05, -0.06, -0.04, "accuracy"), "−5.0 ±1.0"),
    ],
)
def test_intervals_as_text(args: tuple[float, float, float, str], text: str) -> None:
    assert show_interval(*args) == text


@pytest.mark.parametrize("width", [80, 120])
def test_a_wide_study_stays_within_the_terminal_and_breaks_no_word(width: int) -> None:
    keys = ["experts.combine", "experts.training.learning_rate"]
    subjects = ["floor", "bagging", "ensemble", "single", "student", "ceiling"]
    groups = [("product", 0.0003), ("uniform", 1e-5)]
    means = summary(
        *(
            mean(subject, 0.4567, 0.0321, **dict(zip(keys, group, strict=True)))
            for group in groups
            for subject in subjects
        )
    )
    layouts = result_layouts(means, summary(), sweep="study", metric="accuracy", by=keys)
    text = text_of(layouts, width=width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for word in ["combine", "product", "uniform", "0.0003", "1e-05", *subjects]:
        assert word in text
