"""Nothing of ours is unpickled, and no foreign code runs unless a sweep says so."""

import ast
from collections.abc import Iterator

from project_sources import ROOT, Source, code

UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def problems(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        where = f"{source.name}:{node.lineno}"
        name = ast.unparse(node.func)
        owner, _, method = name.rpartition(".")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if owner in UNPICKLERS and method in {"load", "loads", "open", "Unpickler"}:
            yield f"{where}: {name}"
        if name == "torch.load" and not _is(keywords.get("weights_only"), True):
            yield f"{where}: torch.load without weights_only=True"
        if _is(keywords.get("trust_remote_code"), True):
            yield f"{where}: trust_remote_code=True"
        if _is(keywords.get("allow_pickle"), True):
            yield f"{where}: allow_pickle=True"
        if name in {"eval", "exec"}:
            yield f"{where}: {name}"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_code_is_safe() -> None:
    assert [problem for source in code() for problem in problems(source)] == []


def test_the_check_finds_what_it_looks_for() -> None:
    text = (
        "pickle.load(f)\ntorch.load(f)\ntorch.load(f, weights_only=True)\n"
        "AutoModel.from_pretrained(x, trust_remote_code=True)\nnp.load(f, allow_pickle=True)\n"
        "model.eval()\nexec(x)\n"
    )
    source = Source(ROOT / "example.py", ast.parse(text), 7)
    found = [problem.partition(": ")[2] for problem in problems(source)]
    assert found == [
        "pickle.load",
        "torch.load without weights_only=True",
        "trust_remote_code=True",
        "allow_pickle=True",
        "exec",
    ]
