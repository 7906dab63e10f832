"""What mattered? Results over settings, over pairs of settings, and over whole configurations."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dashboards.data.scope import places, sort_key
from dashboards.frames import records
from w2s_platform.cli.render.results import subject_order
from w2s_platform.results.coded import as_text
from w2s_platform.results.summary import summarise, varied_columns
from w2s_platform.results.values import show_value
from w2s_platform.subject import AFTER, BEST, CHOSEN, EXPERT, PREFIX

if TYPE_CHECKING:
    import pandas as pd

VALUE, SEEDS = "value", "seeds"
ALONE = "expert alone"
"""What single experts are called together; `expert_1` is one of them."""
MOST_FOR_FANOVA = 200
_FIRST = ("experts.count", "experts.rounds", "student.model", "experts.model")
_MAP_FIRST = ("experts.model", "student.model", "experts.layers", "student.layers")


def settings(rows: "pd.DataFrame") -> list[str]:
    """The varied keys that have more than one value, those that curves are wanted of first."""
    keys = [k for k in varied_columns(rows) if len(set(map(show_value, rows[k].unique()))) > 1]
    return sorted(keys, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))


def pair_of_settings(rows: "pd.DataFrame") -> tuple[str, str] | None:
    """The two settings of a first map: weak and strong model where both are varied."""
    keys = settings(rows)
    order = [*(key for key in _MAP_FIRST if key in keys), *keys]
    chosen = list(dict.fromkeys(order))[:2]
    return (chosen[0], chosen[1]) if len(chosen) == 2 else None


def curve(rows: "pd.DataFrame", x: str) -> "pd.DataFrame":
    """Means over seeds for each value of a setting, see `curve_figure`.

    Rows in which the setting does not apply stand last, with the value `n/a`.
    """
    found = summarise(rows[~staged(rows)], [x])
    place = places(rows[x].unique())
    along = found[x].map(lambda value: place[show_value(value)])
    keyed = found.assign(_x=along, _s=_places(found["subject"]))
    ordered = keyed.sort_values(["role", "_s", "_x"], kind="stable").drop(columns=["_x", "_s"])
    numbers = all(sort_key(value)[0] == 0 for value in ordered[x])
    named = ordered[x] if numbers else [show_value(v).replace("–", "n/a") for v in ordered[x]]
    return ordered.assign(**{x: named}).reset_index(drop=True)


def prefixes(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Means over the number of experts: the first t together, expert t alone, and the floor.

    Returns:
        As `summarise`, `subject` `ensemble` or `ALONE`, with
        the column `experts`. Empty where prefixes were not measured.
    """
    import pandas as pd

    steps = rows[staged(rows)]
    found = summarise(steps, []) if len(steps) else steps
    lines: list[dict[str, Any]] = []
    for row in records(found):
        prefix = PREFIX.fullmatch(str(row["subject"]))
        expert = EXPERT.fullmatch(str(row["subject"]))
        match = prefix or expert
        if match:
            name = "ensemble" if prefix else ALONE
            lines.append({**row, "subject": name, "experts": int(match[1])})
    if not any(line["subject"] == "ensemble" for line in lines):
        return pd.DataFrame(columns=[*found.columns, "experts"])
    frame = pd.DataFrame(lines).sort_values(["role", "subject", "experts"], kind="stable")
    return frame.reset_index(drop=True)


def field(rows: "pd.DataFrame", x: str, y: str, subject: str) -> "pd.DataFrame":
    """A subject's means over seeds for each pair of values of two settings."""
    found = summarise(rows[rows["subject"] == subject], [x, y])
    at = {key: places(rows[key].unique()) for key in (x, y)}
    along, down = (found[key].map(lambda v, at=at[key]: at[show_value(v)]) for key in (x, y))
    keyed = found.assign(_x=along, _y=down)
    ordered = keyed.sort_values(["role", "_y", "_x"], kind="stable").drop(columns=["_x", "_y"])
    texts = {key: [show_value(v).replace("–", "n/a") for v in ordered[key]] for key in (x, y)}
    return ordered.assign(**texts).reset_index(drop=True)


def configurations(rows: "pd.DataFrame", metric: str, subject: str, role: str) -> "pd.DataFrame":
    """One row per configuration: its settings, its mean over seeds (`value`), how many `seeds`.

    Every configuration is there; `value` is missing where it has no such result.
    """
    keys = varied_columns(rows)
    if not keys:
        return rows.iloc[:0][[]].assign(**{VALUE: [], SEEDS: []})
    every = as_text(rows[keys].drop_duplicates())
    chosen = rows[
        (rows["metric"] == metric) & (rows["subject"] == subject) & (rows["role"] == role)
    ]
    means = summarise(chosen, keys)[[*keys, "mean", "n"]]
    merged = every.merge(means.rename(columns={"mean": VALUE, "n": SEEDS}), on=keys, how="left")
    return merged.assign(**{SEEDS: merged[SEEDS].fillna(0).astype(int)})


@dataclass(frozen=True)
class Importance:
    """How much of the differences between configurations each setting accounts for."""

    frame: "pd.DataFrame"
    """Columns `setting` and `importance` (of sum 1), the largest first."""
    evaluator: str
    """Which of Optuna's evaluators."""
    used: int
    """Configurations that it was made of."""
    left_out: tuple[str, ...]
    """Settings that not every configuration has: they can't be compared."""


def importance(frame: "pd.DataFrame", keys: Sequence[str]) -> Importance | None:
    """Parameter importance by Optuna's own evaluators, of searches and grids alike.

    fANOVA (Hutter et al. 2014) where scikit-learn is there and configurations are few, as it takes
    minutes for thousands; else PED-ANOVA (Watanabe et al. 2023).

    Args:
        frame: What `configurations` returned.
        keys: The settings to judge.

    Returns:
        None where there are too few results to tell, or there is one setting only.
    """
    import pandas as pd

    measured = frame[frame[VALUE].notna()]
    present = [key for key in keys if (measured[key].map(show_value) != "–").all()]
    judged = [key for key in present if measured[key].map(show_value).nunique() > 1]
    # Of one setting alone, the share would be one whatever it does.
    if len(measured) < 4 or len(judged) < 2 or measured[VALUE].nunique() < 2:
        return None
    found, name = _evaluate(measured, judged)
    table = pd.DataFrame(
        {"setting": list(found), "importance": [float(value) for value in found.values()]}
    )
    left_out = tuple(key for key in keys if key not in present)
    return Importance(table, name, len(measured), left_out)


def _evaluate(measured: "pd.DataFrame", keys: Sequence[str]) -> tuple[dict[str, float], str]:
    import warnings

    import optuna
    from optuna import importance as evaluators

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {key: _distribution(measured[key].tolist()) for key in keys}
    study = optuna.create_study(direction="maximize")
    for row in records(measured):
        study.add_trial(
            optuna.trial.create_trial(
                params={key: _parameter(row[key], spaces[key]) for key in keys},
                distributions=spaces,
                value=float(row[VALUE]),
            )
        )
    few = len(measured) <= MOST_FOR_FANOVA and find_spec("sklearn") is not None
    evaluator: Any = (
        evaluators.FanovaImportanceEvaluator(seed=0)
        if few
        else evaluators.PedAnovaImportanceEvaluator()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return found, "fANOVA" if few else "PED-ANOVA"


def _distribution(values: Sequence[Any]) -> Any:
    """Numbers with many values as a range (of powers, where they span a hundred times)."""
    from optuna import distributions

    different = sorted({show_value(v): v for v in values}.values(), key=sort_key)
    if all(sort_key(v)[0] == 0 for v in different) and len(different) > 6:
        low, high = float(different[0]), float(different[-1])
        return distributions.FloatDistribution(low, high, log=low > 0 and high / low >= 100)
    return distributions.CategoricalDistribution([show_value(v) for v in different])


def _parameter(value: Any, space: Any) -> Any:
    return float(value) if type(space).__name__ == "FloatDistribution" else show_value(value)


def staged(rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Whether a row is of one expert alone, or of a prefix of the ensemble.

    One line for each of them would fill a figure.
    """
    names = [name for name in rows["subject"].unique() if is_staged(name)]
    return rows["subject"].isin(names)


def is_staged(name: str) -> bool:
    """Whether a subject is one expert alone, or the ensemble of some of the rounds."""
    kinds = (EXPERT, PREFIX, AFTER)
    return name in (CHOSEN, BEST) or any(kind.fullmatch(name) for kind in kinds)


def _places(subjects: "pd.Series[str]") -> "pd.Series[int]":
    order = {name: place for place, name in enumerate(subject_order(list(subjects.unique())))}
    return subjects.map(order)
