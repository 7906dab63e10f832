"""LaTeX: booktabs rules, and text that prints as it stands."""

from w2s_platform.cli.render.layout import Layout, Row, escape_latex, to_latex


def test_a_table_uses_booktabs_and_a_rule_between_sections() -> None:
    layout = Layout(
        "study · accuracy, %",
        ("", "ID", "n"),
        (Row(("floor", "40.0 ±3.1", "4")), Row(("a − b", "+5.1 ±1.1", "4"), 1)),
        notes=("one note",),
    )
    text = to_latex([layout])
    assert r"\begin{tabular}{lrr}" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert text.count(r"\midrule") == 2
    assert r"floor & 40.0 $\pm$ 3.1 & 4 \\" in text
    assert r"a $-$ b & +5.1 $\pm$ 1.1 & 4 \\" in text
    assert r"\caption{study · accuracy, \%. one note.}" in text


def test_where_the_numbers_lie_is_a_comment_and_not_in_the_caption() -> None:
    layout = Layout("t", ("", "n"), (Row(("a", "4")),), origin=("store: /here", "50 % more"))
    text = to_latex([layout])
    assert text.startswith("% store: /here\n% 50 % more\n\\begin{table}")
    assert r"\caption{t.}" in text


def test_special_characters_are_escaped_once() -> None:
    assert escape_latex("mean ± half") == r"mean $\pm$ half"
    assert escape_latex(r"a_b & 50% \x {y}") == r"a\_b \& 50\% \textbackslash{}x \{y\}"
