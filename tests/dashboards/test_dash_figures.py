"""What is drawn is what is in the frame: every point, nothing else, and no text as HTML."""

import pandas as pd
import pytest

from dashboards.data.worked import GROUP
from dashboards.figures.bars import bar_figure
from dashboards.figures.curves import curve_figure
from dashboards.figures.intervals import MOST_GROUPS, interval_figure
from dashboards.figures.maps import heat_figure
from dashboards.figures.parallel import NOT_APPLICABLE, parallel_figure
from dashboards.figures.scatter import frontier_figure, reliability_figure
from dashboards.text import label
from dashboards.theme import SUBJECT_COLOURS, SUBJECT_SYMBOLS, subject_colour, subject_symbol
from w2s_platform.subject import SUBJECTS

NAN = float("nan")
TAG = "<script>x</script>"


def mean(subject: str, value: float, half: float = NAN, **more: object) -> dict[str, object]:
    return {
        GROUP: "", "role": "id", "metric": "accuracy", "subject": subject, "mean": value,
        "low": value - half, "high": value + half, "n": 3, "undefined": 0,
    } | more  # fmt: skip


def points(figure, trace: int) -> tuple[list[float], list[float]]:
    one = figure.data[trace]
    return list(one.x), list(one.y)


def test_intervals_are_drawn_where_the_frame_has_them() -> None:
    frame = pd.DataFrame([mean("floor", 0.4, 0.1), mean("ensemble", 0.5), mean("student", NAN)])
    figure = interval_figure(frame, "accuracy")
    (panel,) = figure.data
    assert panel.x[:2] == pytest.approx((40.0, 50.0))
    assert pd.isna(panel.x[2])
    assert panel.error_x.array == pytest.approx((10.0, 0.0, 0.0))
    assert panel.error_x.arrayminus == pytest.approx((10.0, 0.0, 0.0))
    assert [told[:2] for told in panel.customdata] == [
        ["floor", "30.0 to 50.0"], ["ensemble", "no interval"], ["student", "no interval"],
    ]  # fmt: skip
    assert panel.marker.color == tuple(subject_colour(name) for name in frame["subject"])
    assert list(panel.y) == [0, 1, 2]
    assert list(figure.layout.yaxis.ticktext) == ["floor", "ensemble", "student"]


def test_id_and_ood_stand_side_by_side_on_one_scale() -> None:
    frame = pd.DataFrame([mean("floor", 0.4), mean("floor", 0.3, role="ood")])
    figure = interval_figure(frame, "accuracy")
    assert [note.text for note in figure.layout.annotations] == ["ID", "OOD"]
    assert figure.layout.xaxis.matches == figure.layout.xaxis2.matches or (
        figure.layout.xaxis2.matches == "x"
    )


def test_groups_beyond_the_room_are_left_to_the_table() -> None:
    frame = pd.DataFrame([mean("floor", 0.1 * n, **{GROUP: f"count {n}"}) for n in range(15)])
    assert len(interval_figure(frame, "accuracy").data) == MOST_GROUPS


def test_an_empty_frame_is_an_empty_figure() -> None:
    frame = pd.DataFrame([mean("floor", 0.1)]).iloc[:0]
    assert len(interval_figure(frame, "accuracy").data) == 0
    empty = pd.DataFrame({"value": [], "k": []})
    assert "no configuration" in parallel_figure(empty, ["k"], title="v").layout.annotations[0].text


def test_bands_are_as_wide_as_the_intervals() -> None:
    frame = pd.DataFrame([mean("floor", 0.4, 0.1, x=1), mean("floor", 0.5, 0.2, x=2)])
    band, line = curve_figure(frame, "x", "accuracy", title="x", y="accuracy").data
    assert points(curve_figure(frame, "x", "accuracy", title="x", y="y"), 1) == (
        [1, 2], pytest.approx([40, 50])
    )  # fmt: skip
    assert list(band.y) == pytest.approx([50, 70, 30, 30])
    assert line.line.color == SUBJECT_COLOURS["floor"]


def test_one_seed_has_no_band() -> None:
    frame = pd.DataFrame([mean("floor", 0.4, x=1), mean("floor", 0.5, x=2)])
    assert len(curve_figure(frame, "x", "accuracy", title="x", y="y").data) == 1


@pytest.mark.parametrize(
    ("values", "kind"), [((0.001, 0.9), "log"), ((0.0, 0.9), None), ((1, 8), None)]
)
def test_a_setting_that_spans_powers_of_ten_has_an_axis_of_powers(
    values: tuple[float, ...], kind: str | None
) -> None:
    frame = pd.DataFrame([mean("floor", 0.4, x=value) for value in values])
    assert curve_figure(frame, "x", "accuracy", title="x", y="y").layout.xaxis.type == kind


def test_a_pair_without_a_value_stays_empty_on_the_map() -> None:
    frame = pd.DataFrame([{"a": "1", "b": "u", "v": 5.0}, {"a": "2", "b": "w", "v": 7.0}])
    (drawn,) = heat_figure(frame, "a", "b", "v").data
    assert [list(line) for line in drawn.z] == [[5.0, None], [None, 7.0]]


def test_a_configuration_without_a_setting_keeps_its_line() -> None:
    frame = pd.DataFrame({"k": [1, 2, None], "value": [0.1, 0.2, 0.3]})
    figure = parallel_figure(frame, ["k"], title="accuracy")
    ends = sum(list(trace.x).count(1) for trace in figure.data)
    assert ends == 3
    assert NOT_APPLICABLE in [note.text for note in figure.layout.annotations]


def test_the_frontier_goes_through_the_best() -> None:
    frame = pd.DataFrame(
        {"c": [2.0, 1.0, 3.0], "v": [0.6, 0.5, 0.4], "subject": "floor", "name": "n",
         "best": [True, True, False]}
    )  # fmt: skip
    figure = frontier_figure(frame, x="c", y="v", titles=("cost", "value"))
    assert points(figure, 0) == ([2.0, 1.0, 3.0], [0.6, 0.5, 0.4])
    assert points(figure, 1) == ([1.0, 2.0], [0.5, 0.6])


def test_every_subject_has_one_colour_and_one_symbol_of_its_own() -> None:
    named = [subject for subject in SUBJECTS if subject in SUBJECT_COLOURS]
    assert len({subject_colour(name) for name in named}) == len(named)
    assert len({subject_symbol(name) for name in named}) == len(named)
    assert set(SUBJECT_COLOURS) == set(SUBJECT_SYMBOLS)
    assert subject_colour("ensemble_3") == subject_colour("ensemble")


@pytest.mark.parametrize("colour", SUBJECT_COLOURS.values())
@pytest.mark.parametrize("ground", ["#ffffff", "#171b23"])
def test_colours_can_be_seen_on_both_grounds(colour: str, ground: str) -> None:
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 2.9  # WCAG asks for 3 of what is not text


COMPARED = ("floor", "bagging", "ensemble", "single", "student", "ceiling")
VISION = {
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
}
"""Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB."""


@pytest.mark.parametrize("vision", VISION)
def test_colours_are_told_apart_by_colour_blind_readers(vision: str) -> None:
    seen = {name: simulated(SUBJECT_COLOURS[name], VISION[vision]) for name in COMPARED}
    near = [
        (a, b)
        for a in COMPARED
        for b in COMPARED
        if a < b and sum((x - y) ** 2 for x, y in zip(seen[a], seen[b], strict=True)) ** 0.5 < 0.04
    ]
    assert near == []  # and symbols differ besides


def test_text_is_never_read_as_a_tag() -> None:
    frame = pd.DataFrame([mean(TAG, 0.4, **{GROUP: TAG}), mean("floor", 0.4, **{GROUP: TAG})])
    spread = pd.DataFrame({"kind": [TAG], "amount": [1.0]})
    bins = {"role_name": TAG, "subject": TAG, "confidence": 0.5, "accuracy": 0.5, "n": 99}
    figures = [
        interval_figure(frame, "accuracy"),
        bar_figure(spread, "kind", {"amount": "#123456"}, title=TAG),
        heat_figure(pd.DataFrame([{"a": TAG, "b": TAG, "v": 1.0}]), "a", "b", "v"),
        parallel_figure(pd.DataFrame({TAG: [TAG, "x"], "value": [0.1, 0.2]}), [TAG], title=TAG),
        curve_figure(frame.assign(x=TAG), "x", "accuracy", title=TAG, y=TAG),
        reliability_figure(pd.DataFrame([bins])),
    ]
    for figure in figures:
        assert "<script" not in str(figure.to_json()).replace("\\u003c", "<")
    assert label("a<b>&c\nd") == "a&lt;b&gt;&amp;c d"
    assert len(label("x" * 500)) == 60


def linear(colour: str) -> tuple[float, ...]:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def simulated(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    rgb = linear(colour)
    return tuple(sum(m * c for m, c in zip(line, rgb, strict=True)) for line in matrix)
