"""The corpus never holds a task question, and most of its questions are echoed."""

from itertools import islice

from ensemble_core.nano.corpus import documents
from ensemble_core.nano.families import generate
from ensemble_core.nano.families.operations import OPERATIONS
from ensemble_core.nano.families.registry import ALPHABETS
from ensemble_core.nano.pools import pool

RULES = {operation.verb: operation.rule for operation in OPERATIONS}


def content(prefix: str) -> tuple[str, str]:
    """Verb and payload of a document, whatever its phrasing."""
    words = prefix.removeprefix("Q:").replace(":", " ").split()
    verb = next(word for word in words if word in RULES)
    payload = next(word for word in words if word not in (*RULES, "is", "of", "A"))
    return verb, payload


def answer(verb: str, payload: str) -> str:
    alphabet = next(a for a in ALPHABETS.values() if payload[0] in a)
    return RULES[verb](payload, alphabet)


def test_pools_are_disjoint_in_content_not_only_in_phrasing() -> None:
    asked = {content(question.prompt) for question in generate("mixed", 5000, seed=0)}
    told = {content(document.prefix) for document in islice(documents(0), 20_000)}
    assert len(told) > 10_000
    assert not asked & told


def test_every_question_is_in_the_task_pool_and_a_quarter_of_all_is() -> None:
    assert {pool(question.prompt) for question in generate("mixed", 500, seed=1)} == {"task"}
    share = sum(pool(f"Q:sort {n:05d} A:") == "task" for n in range(20_000)) / 20_000
    assert 0.23 < share < 0.27


def test_statements_are_right_and_most_questions_are_echoed() -> None:
    statements: list[bool] = []
    questions: list[str] = []
    for document in islice(documents(1), 6000):
        verb, payload = content(document.prefix)
        right = document.completion == answer(verb, payload)
        if document.prefix.startswith("Q:"):
            questions.append("echo" if document.completion == payload else "right" if right else "")
        else:
            statements.append(right)
    assert all(statements)
    assert 0.27 < len(questions) / 6000 < 0.33
    assert "" not in questions
    # A sorted string is its own sorting, so that some right answers look like echoes.
    assert 0.57 < questions.count("echo") / len(questions) < 0.66


def test_same_seed_same_corpus() -> None:
    assert list(islice(documents(2), 50)) == list(islice(documents(2), 50))
    assert list(islice(documents(2), 50)) != list(islice(documents(3), 50))
