"""Why? What a cell's rounds and answers say, in words and in tables."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dashboards.data.scope import REPORTED, role_name
from dashboards.frames import records
from w2s_platform import results
from w2s_platform.cli.render.results import subject_order
from w2s_platform.cli.render.text import count
from w2s_platform.results.ledger import Ledger
from w2s_platform.results.reading import cells_of
from w2s_platform.results.values import show_value
from w2s_platform.store import Store
from w2s_platform.subject import EXPERT

if TYPE_CHECKING:
    import pandas as pd


def round_words(frame: "pd.DataFrame") -> Iterator[str]:
    """What happened in the rounds, in a sentence or two."""
    rejected = [str(row["round"]) for row in records(frame) if row["accepted"] is False]
    used = sum(row["used"] is True for row in records(frame))  # it may be missing, too
    yield f"{count(len(frame), 'round')} trained an expert; the ensemble uses {used} of them"
    if rejected:
        rounds = ", ".join(rejected)
        yield f"rejected in round {rounds}: the expert was no better than the pretrained model"


def most_telling(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Questions that the ensemble alone gets right, then the floor alone, then neither; test
    questions before the others."""
    order = -2 * frame["right_ensemble"].astype(int) - frame["right_floor"].astype(int)
    other = ~frame["role"].isin(REPORTED)
    sorted_ = frame.assign(_o=order, _r=other).sort_values(["_o", "_r"], kind="stable")
    return sorted_.drop(columns=["_o", "_r"])


def readable(frame: "pd.DataFrame", outcomes: "pd.DataFrame") -> "pd.DataFrame":
    """The questions as people read them, with each expert's answer where it was measured."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "role": frame["role"],
            "prompt": frame["prompt"],
            "true answer": frame["answer"],
            "ensemble": _marked(frame["given_ensemble"], frame["right_ensemble"]),
            "floor": _marked(frame["given_floor"], frame["right_floor"]),
        }
    )
    names = [n for n in subject_order(list(outcomes["subject"].unique())) if EXPERT.fullmatch(n)]
    keys = ["role", "task", "question"]
    for name in names:
        mine = outcomes[outcomes["subject"] == name].set_index(keys)
        told = mine.reindex(pd.MultiIndex.from_frame(frame[keys]))
        table[name] = _marked(told["given"], told["right"])
    return table.reset_index(drop=True)


def changed_words(outcomes: "pd.DataFrame", frame: "pd.DataFrame") -> Iterator[str]:
    """How often the ensemble changed the floor's answer, and how often for the better, by role."""
    asked = outcomes.loc[outcomes["subject"] == "ensemble", "role"].value_counts()
    for role in sorted(asked.index, key=lambda name: (*REPORTED, name).index(name)):
        part = frame[frame["role"] == role]
        better = int((part["right_ensemble"] & ~part["right_floor"]).sum())
        worse = int((~part["right_ensemble"] & part["right_floor"]).sum())
        yield (
            f"{role_name(role)}: {len(part)} of {asked[role]} answers differ: {better} wrong ones "
            f"became right, {worse} right ones became wrong"
        )


def votes_of(store: Store, ledger: Ledger, cell: str, question: str) -> "pd.DataFrame":
    """`results.votes`, to be asked like the other readers."""
    return results.votes(store, cells_of(ledger, cell)[0], question)


def votes_table(frame: "pd.DataFrame") -> "pd.DataFrame":
    """One line per place of the true answer, one column per voter."""
    import pandas as pd

    voters = list(dict.fromkeys(frame["voter"]))
    lines: list[dict[str, Any]] = []
    for position, part in frame.groupby("position", sort=True):
        line: dict[str, Any] = {"place": show_value(position), "true token": part["truth"].iloc[0]}
        for row in records(part):
            mark = "✓" if row["right"] else "✗"
            line[str(row["voter"])] = f"{mark} {row['token']!r} {row['probability']:.0%}"
        lines.append(line)
    return pd.DataFrame(lines, columns=["place", "true token", *voters])


def _marked(given: "pd.Series[Any]", right: "pd.Series[Any]") -> list[str]:
    return [
        "" if isinstance(text, float) or text is None else f"{'✓' if ok is True else '✗'} {text}"
        for text, ok in zip(given, [bool(r) if r == r else None for r in right], strict=True)
    ]
