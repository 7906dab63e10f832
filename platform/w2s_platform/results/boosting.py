"""Round by round: each expert's error and weight, and where the weight of the tokens went."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from w2s_platform.results.boosted import Boosted, boosted_rounds
from w2s_platform.results.ledger import CellRecord
from w2s_platform.results.reading import Row, StoreLike, SweepLike, cells_of, ledger_of, opened
from w2s_platform.stages.context import classed, read_questions
from w2s_platform.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from ensemble_core.tasks.question import Question

OF_ROUND = ("sweep", "cell", "seed", "round")
HEAVIEST = 20


def rounds(store: StoreLike, sweep: SweepLike, cell: str | None = None) -> "pd.DataFrame":
    """How each finished round of boosting ended.

    Args:
        store: A store or its URL.
        sweep: The sweep's name, or its ledger.
        cell: A cell's id, or how it begins; default: all cells.

    Returns:
        One row per cell and round: `sweep, cell, seed, round`; ε (`error`), ε_pre
        (`reference_error`), `alpha` and whether the expert was `accepted` (all missing in a cell of
        one round: nothing says how it would be boosted); whether the ensemble uses it (`used`,
        missing while there is none); how evenly the weight lies with which it trained
        (`evenness`, Kish's effective number of tokens over their number: 1 is uniform); `tokens`,
        training `steps` and last `loss`.

    Raises:
        InputError: The store holds no such sweep, or the sweep no such cell.
    """
    import pandas as pd

    columns = (
        *OF_ROUND, "error", "reference_error", "alpha", "accepted", "used", "evenness", "tokens",
        "steps", "loss",
    )  # fmt: skip
    held = opened(store)
    ledger = ledger_of(held, sweep)
    found = [row for one in cells_of(ledger, cell) for row in round_rows(held, ledger.sweep, one)]
    return pd.DataFrame(found, columns=list(columns))


def round_rows(store: Store, sweep: str, cell: CellRecord) -> list[Row]:
    """The rows of `rounds` for one cell, which need not be recorded."""
    return [{**_named(sweep, cell, each), **_told(each)} for each in boosted_rounds(store, cell)]


def weight_by_position(
    store: StoreLike, sweep: SweepLike, cell: str | None = None
) -> "pd.DataFrame":
    """Where in the answers the weight lay with which each round trained.

    Args and what is raised are those of `rounds`.

    Returns:
        One row per cell, round and position: `sweep, cell, seed, round`, `position` in the answer
        from 0, how many `tokens` stand there, the share of the `weight` that they carry, the share
        of the tokens (`uniform`, which the first round's weight is), and the share of them that the
        round's expert gets `wrong`.
    """
    import pandas as pd

    columns = [*OF_ROUND, "position", "tokens", "weight", "uniform", "wrong"]
    parts: list[pd.DataFrame] = []
    for named, each, _ in _each(store, sweep, cell):
        table = each.tokens()
        places = table.groupby("position", as_index=False).agg(
            tokens=("token", "size"), weight=("weight", "sum"), wrong=("wrong", "mean")
        )
        parts.append(places.assign(uniform=places["tokens"] / len(table), **named))
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def heaviest_tokens(
    store: StoreLike, sweep: SweepLike, cell: str | None = None, top: int = HEAVIEST
) -> "pd.DataFrame":
    """The tokens that carried most weight in each round, with the questions they belong to.

    Args:
        store: A store or its URL.
        sweep: The sweep's name, or its ledger.
        cell: A cell's id, or how it begins; default: all cells.
        top: Tokens per round.

    Returns:
        One row per cell, round and token, the heaviest first: `sweep, cell, seed, round`,
        `question` (its id), `prompt`, `answer`, the token's `position` in the answer and its text
        (`token`; a class's name where classes are told apart), its `weight` as a multiple of the
        mean, and whether the round's expert gets it `wrong`.

    Raises:
        InputError: As `rounds`, or the weak model's tokenizer is not here.
    """
    import pandas as pd

    columns = [*OF_ROUND, "question", "prompt", "answer", "position", "token", "weight", "wrong"]
    named = _each(store, sweep, cell)
    rows = [{**who, **row} for who, each, held in named for row in _heaviest(each, held, top)]
    return pd.DataFrame(rows, columns=columns)


def _each(
    store: StoreLike, sweep: SweepLike, cell: str | None
) -> Iterator[tuple[Row, Boosted, Store]]:
    found = opened(store)
    ledger = ledger_of(found, sweep)
    for record in cells_of(ledger, cell):
        for each in boosted_rounds(found, record):
            yield _named(ledger.sweep, record, each), each, found


def _named(sweep: str, cell: CellRecord, each: Boosted) -> Row:
    return {"sweep": sweep, "cell": cell.id, "seed": cell.seed, "round": each.number}


def _told(each: Boosted) -> Row:
    outcome, training, weights = each.outcome(), each.training(), each.tokens()["weight"]
    told: Row = {
        "used": each.used,
        "evenness": float(1 / (len(weights) * (weights**2).sum())),
        "tokens": len(weights),
        "steps": training["steps"],
        "loss": training["losses"][-1] if training["losses"] else None,
    }
    if outcome is None:
        return told
    return told | {
        "error": outcome.error,
        "reference_error": outcome.state.reference_error,
        "alpha": outcome.alpha,
        "accepted": outcome.accepted,
    }


def _heaviest(each: Boosted, store: Store, top: int) -> Iterator[Row]:
    table = each.tokens()
    table = table.assign(weight=table["weight"] * len(table))
    chosen = table.sort_values("weight", ascending=False, kind="stable").head(top)
    preimage = each.artifact.manifest.preimage
    classify = preimage["settings"].get("classify")
    asked = classed(read_questions(store.require(preimage["inputs"]["labelled"])), classify)
    tokenizer = None if classify else _tokenizer(store, preimage["inputs"]["pretrained"])
    rows: list[Row] = chosen.to_dict("records")  # pyright: ignore[reportAssignmentType]
    for row in rows:
        question = asked[row.pop("example")]
        token = _text(tokenizer, question, int(row["token"]))
        about = {"question": question.id, "prompt": question.prompt, "answer": question.answer}
        yield {**row, **about, "token": token}


def _tokenizer(store: Store, pretrained: str) -> Any:
    from w2s_platform.stages.subjects import load_tokenizer

    return load_tokenizer(store, pretrained)[0]


def _text(tokenizer: Any, question: "Question", token: int) -> str:
    return question.choices[token] if tokenizer is None else tokenizer.decode([token])
