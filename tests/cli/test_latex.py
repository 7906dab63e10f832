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


def test_special_characters_are_escaped_once() -> None:
    assert escape_latex(r"a_b & 50% \x {y}") == r"a\_b \& 50\% \textbackslash{}x \{y\}"
