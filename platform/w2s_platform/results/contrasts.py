"""What a setting changes: every configuration against one of them, paired by seed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ensemble_core.documents import did_you_mean
from ensemble_core.errors import InputError
from w2s_platform.results.summary import per_seed, summarise_seeds
from w2s_platform.results.values import show_value

if TYPE_CHECKING:
    import pandas as pd


def contrasts(
    frame: "pd.DataFrame", by: Sequence[str], reference: Mapping[str, str]
) -> "pd.DataFrame":
    """Each configuration's values minus the reference's, paired by seed, with 95 % t intervals.

    Args:
        frame: Result rows.
        by: The columns that tell configurations apart.
        reference: Column → value, as tables show it, of the configuration to compare with. Where
            several have it, each is compared with the one that is like it in the other columns.

    Returns:
        As `summary.summarise`, without the reference itself. A seed that the reference lacks counts
        as undefined.

    Raises:
        InputError: No configuration has these values, or one of the columns tells none apart.
    """
    seeds = per_seed(frame, by)
    chosen = _matching(seeds, by, reference)
    several = len(seeds.loc[chosen, list(by)].drop_duplicates()) > 1
    alike = [key for key in by if several and key not in reference]
    pairs = [name for name in seeds.columns if name in alike or name not in (*by, "value")]
    compared = seeds.loc[chosen, [*pairs, "value"]].rename(columns={"value": "reference"})
    both = seeds[~chosen].merge(compared, on=pairs, how="left")
    both = both.assign(value=both["value"] - both["reference"])
    return summarise_seeds(both.drop(columns="reference"))


def _matching(
    seeds: "pd.DataFrame", by: Sequence[str], reference: Mapping[str, str]
) -> "pd.Series[bool]":
    """Which rows are the reference's."""
    for key in reference:
        if key not in by:
            raise InputError(
                f"`{key}` tells no configurations apart here",
                where="--reference",
                hint=did_you_mean(key, by, listed=30),
            )
    shown = seeds[list(by)].map(show_value)
    matches = shown[list(reference)].eq(list(reference.values())).all(axis=1)
    found = shown[matches].drop_duplicates()
    if found.empty:
        written = ", ".join(f"{key}={value}" for key, value in reference.items())
        what = f"none of the configurations have {written}"
        raise InputError(what, where="--reference", hint=_values(shown, reference))
    return matches


def _values(shown: "pd.DataFrame", reference: Mapping[str, str]) -> str:
    """The values that occur of the first key whose value doesn't."""
    for key, value in reference.items():
        known = list(dict.fromkeys(shown[key]))
        if value not in known:
            return f"{key}: {did_you_mean(value, known, listed=30)}"
    return "each value occurs, but not together"
