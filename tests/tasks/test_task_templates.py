"""Templates: what they write, and that they can neither get out nor go on for ever."""

import time

import pytest

from ensemble_core.tasks.templates import BadTemplateError, Template


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Question: {{ q }}\nAnswer:", "Question: a b\nAnswer:"),
        ("{{ q }}\n", "a b"),
        ("{{ xs | join(', ') }}", "x, y"),
        ("{{ ', '.join(xs) }}", "x, y"),
        ("{% for x in xs %}\n{{ loop.index }}. {{ x }}\n{% endfor %}\nA:", "1. x\n2. y\nA:"),
        ("{{ q.split(' ')[-1] | upper }}", "B"),
        ("{{ q | replace('a', 'c') }}{{ q.replace('a', 'd', 1) }}", "c bd b"),
        ("{% if xs | length > 1 %}many{% else %}one{% endif %}", "many"),
        ("{{ 7 % 3 }} {{ 2 * 3 + 1 }} {{ 'ab' * 2 }}", "1 7 abab"),
        ("{% set a, b = (1, 2) %}{{ a ~ b }}", "12"),
    ],
)
def test_writes(source: str, expected: str) -> None:
    assert Template(source).render({"q": "a b", "xs": ("x", "y")}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ q.__class__ }}",
        "{{ q['__class__'] }}",
        "{{ q.__class__.__mro__[1].__subclasses__() }}",
        "{{ q | attr('__class__') }}",
        "{{ [q] | map(attribute='__class__') | join }}",
        "{{ self._TemplateReference__context }}",
        "{{ q.join.__self__ }}",
        "{{ '{0.__class__}'.format(q) }}",
        "{{ cycler }}",
        "{{ q | random }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% for x in xs %}{% set xs.y = 1 %}{% endfor %}",
        "{{ xs.append('z') }}",
    ],
)
def test_no_way_out(source: str) -> None:
    with pytest.raises(BadTemplateError):
        Template(source).render({"q": "a", "xs": ["x"]})


def doubling(start: str, step: str) -> str:
    return f"{{% set s = {start} %}}" + f"{{% set s = {step} %}}" * 60 + "{{ s }}"


@pytest.mark.alone
@pytest.mark.parametrize(
    "source",
    [
        "{% for a in q %}{% for b in q %}{% for c in q %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in q %}{{ q | sort | join }}{% endfor %}",
        "{% for i in range(10) %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for x in [q] recursive %}{{ loop([q]) }}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ '{:>999999999}'.format('a') }}",
        "{{ 'a'.center(999999999) }}",
        "{{ 'a' | center(999999999) }}",
        doubling("'ab'", "s ~ s"),
        doubling("'ab'", "s + s"),
        doubling("'ab'", "[s, s] | join"),
        doubling("'ab'", "s.join([s, s])"),
        doubling("'ab'", "s | replace('a', 'aa')"),
        doubling("'ab'", "s.replace('a', 'aa')"),
        doubling("[1, 2]", "[s, s]"),
        doubling("[1, 2]", "(s, s) | list"),
        doubling("[1, 2]", "{'a': s, 'b': s}"),
        doubling("99", "s * s"),
    ],
)
def test_comes_to_an_end(source: str) -> None:
    start = time.process_time()
    with pytest.raises(BadTemplateError):
        Template(source).render({"q": "abcdefgh" * 150})
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ nope }}", "'nope' is undefined"),
        ("{{ none }}", "null"),
        ("{{ xs }}", "use `join` or a loop"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ q", r"expected 'end of print statement'. \(line 1\)"),
        ("{{ q | nofilter }}", "No filter named 'nofilter'"),
        ("{% macro f() %}{% endmacro %}", "`macro` is not allowed"),
    ],
)
def test_says_why(source: str, reason: str) -> None:
    with pytest.raises(BadTemplateError, match=reason):
        Template(source).render({"q": "a", "xs": ["x"]})


def test_a_budget_is_for_one_rendering() -> None:
    template = Template("{% for x in xs %}{{ x }}{% endfor %}")
    for _ in range(8):
        assert len(template.render({"xs": ["ab"] * 50_000})) == 100_000


def test_names_the_variables_it_reads() -> None:
    assert Template("{{ a.b }}{% for c in d %}{{ c }}{% endfor %}").names == {"a", "d"}
