"""Which tasks? Results by slice, by difficulty, by place in the answer, and how sure they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboards.data.mattered import staged
from dashboards.data.scope import REPORTED, ROLES, role_name, sort_key
from ensemble_core.longform import bin_of
from w2s_platform.cli.render.results import subject_order
from w2s_platform.results.summary import summarise
from w2s_platform.results.values import show_value
from w2s_platform.subject import EXPERT

if TYPE_CHECKING:
    import pandas as pd

SLICE, ROLE = "slice", "role_name"


def matrix(rows: "pd.DataFrame", by: Sequence[str]) -> "pd.DataFrame":
    """Each subject's mean over seeds on each slice that was looked at; ID before OOD.

    Returns:
        As `summarise`, with the column `slice`, such as `OOD nano-digits`.
    """
    found = summarise(rows[~staged(rows)], [*by, "task"])
    order = ("id", "ood", "validation", "transfer")
    place = {name: n for n, name in enumerate(subject_order(list(found["subject"].unique())))}
    keyed = found.assign(
        _r=found["role"].map({role: n for n, role in enumerate(order)}),
        _s=found["subject"].map(place),
    ).sort_values(["_r", "task", "_s"], kind="stable")
    slices = [
        f"{role_name(role)} {task}" for role, task in zip(keyed["role"], keyed["task"], strict=True)
    ]
    return keyed.assign(**{SLICE: slices}).drop(columns=["_r", "_s"]).reset_index(drop=True)


def by_difficulty(outcomes: "pd.DataFrame") -> "pd.DataFrame":
    """Share of right answers by difficulty, as means over seeds.

    Args:
        outcomes: What `results.questions` returned.
    """
    graded = outcomes[outcomes["difficulty"].notna() & outcomes["right"].notna()]
    tested = graded[graded["role"].isin(REPORTED)]
    frame = tested.assign(value=tested["right"].astype(float), metric="accuracy")
    return _means(frame, "difficulty")


def by_position(outcomes: "pd.DataFrame", most: int = 64) -> "pd.DataFrame":
    """Share of right answer tokens by their place in the answer, from 1, as means over seeds.

    Args:
        outcomes: What `results.questions` returned.
        most: Where an answer has more places, bins are told instead, see `longform.bin_of`.

    Returns:
        As `summarise`, from `position` to `last` (the same place, or a bin's ends), with `tokens`,
        how many a mean is made of: few answers are long.
    """
    told = outcomes[outcomes["token_correct"].notna() & outcomes["role"].isin(REPORTED)]
    columns = ["cell", "seed", "subject", "task", "role", "split", "token_correct"]
    long = told[columns].explode("token_correct")
    long = long.assign(
        position=long.groupby(level=0).cumcount() + 1, value=long["token_correct"].astype(float)
    )
    judged = long[long["value"].notna()]
    bins = {place: bin_of(place) for place in judged["position"].unique()}
    binned = max(bins, default=0) > most
    if binned:
        first = {place: start for place, (start, _) in bins.items()}
        judged = judged.assign(position=judged["position"].map(first))
    means = _means(judged.assign(metric="token_accuracy"), "position")
    keys = ["role", "subject", "position"]
    frame = means.merge(judged.groupby(keys).size().rename("tokens").reset_index(), on=keys)
    last = [bin_of(start)[1] for start in frame["position"]] if binned else frame["position"]
    return frame.assign(last=last)


def reliability(bins: "pd.DataFrame") -> "pd.DataFrame":
    """Bins pooled over seeds and tasks: columns `role_name, subject, confidence, accuracy, n`.

    Args:
        bins: What `results.reliability` returned.
    """
    import pandas as pd

    tested = bins[bins["role"].isin(REPORTED)]
    tested = tested[~staged(tested)] if len(tested) else tested
    weighed = tested.assign(
        _c=tested["confidence"] * tested["n"], _a=tested["accuracy"] * tested["n"]
    )
    sums = weighed.groupby(["role", "subject", "low"], as_index=False)[["n", "_c", "_a"]].sum()
    names = subject_order(list(sums["subject"].unique()))
    pooled = pd.DataFrame(
        {
            "role": sums["role"],
            ROLE: sums["role"].map(ROLES),
            "subject": sums["subject"],
            "low": sums["low"],
            "confidence": sums["_c"] / sums["n"],
            "accuracy": sums["_a"] / sums["n"],
            "n": sums["n"],
        }
    )
    place = {name: n for n, name in enumerate(names)}
    keyed = pooled.assign(_s=pooled["subject"].map(place)).sort_values(["role", "_s", "low"])
    return keyed.drop(columns="_s").reset_index(drop=True)


def disagreement(outcomes: "pd.DataFrame") -> "pd.DataFrame":
    """How often each two of the subjects give different answers to a test question.

    Args:
        outcomes: What `results.questions` returned.

    Returns:
        Columns `first, second, differ` (a share) and `questions`; both orders, so that it is a
        whole matrix.
    """
    import pandas as pd

    tested = outcomes[outcomes["role"].isin(REPORTED) & outcomes["given"].notna()]
    names = subject_order(list(tested["subject"].unique()))
    experts = [name for name in names if EXPERT.fullmatch(name)]
    wide = tested.pivot_table(
        index=["cell", "role", "task", "question"],
        columns="subject",
        values="given",
        aggfunc="first",
    )
    lines = [
        {
            "first": a,
            "second": b,
            "differ": float((both[a] != both[b]).mean()),
            "questions": len(both),
        }
        for a in (experts or names)
        for b in (experts or names)
        if a != b and len(both := wide[[a, b]].dropna())
    ]
    return pd.DataFrame(lines, columns=["first", "second", "differ", "questions"])


def _means(frame: "pd.DataFrame", x: str) -> "pd.DataFrame":
    """Means within each seed, and over seeds, for each value of a column."""
    narrow = frame[["cell", "seed", "subject", "role", "metric", "value", x]]
    narrow = narrow[~staged(narrow)] if len(narrow) else narrow
    # A seed counts once: its questions are averaged first.
    keys = [x, "role", "metric", "subject", "seed"]
    seeds = narrow.groupby(keys, as_index=False, dropna=False)["value"].mean()
    whole = seeds.assign(sweep="", cell="", task="", split="", stderr=float("nan"), n=1)
    found = summarise(whole, [x])
    place = {name: n for n, name in enumerate(subject_order(list(found["subject"].unique())))}
    keyed = found.assign(_x=found[x].map(sort_key), _s=found["subject"].map(place))
    ordered = keyed.sort_values(["role", "_s", "_x"], kind="stable").drop(columns=["_x", "_s"])
    numbers = all(sort_key(value)[0] == 0 for value in ordered[x])
    named = ordered[x] if numbers else [show_value(value) for value in ordered[x]]
    return ordered.assign(**{x: named}).reset_index(drop=True)
