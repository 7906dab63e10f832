"""Measures of long texts: how repetitive they are, and where in an answer a value was measured."""

from collections.abc import Callable, Sequence
from typing import Final

FIRST_BIN: Final = 8
"""Positions 1 to 8 are the first bin; each later one ends at twice the end of the one before."""


def repetition(tokens: Sequence[int], n: int = 4) -> float | None:
    """Share of the n-grams that repeat an earlier one, 1 - distinct / all.

    `seq-rep-n` of Welleck et al. 2019 (arXiv 1908.04319). None for fewer than n tokens.
    """
    distinct = distinct_n(tokens, n)
    return None if distinct is None else 1.0 - distinct


def distinct_n(tokens: Sequence[int], n: int = 2) -> float | None:
    """Different n-grams of an answer per n-gram, in (0, 1]; None for fewer than n tokens.

    After distinct-n of Li et al. 2016 (arXiv 1510.03055), who count over all answers together.
    """
    grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def bin_of(position: int) -> tuple[int, int]:
    """The bin of a position from 1, as its first and last position: (1, 8), (9, 16), (17, 32), …"""
    last = FIRST_BIN
    while position > last:
        last *= 2
    return (1 if last == FIRST_BIN else last // 2 + 1), last


def by_bin(
    answers: Sequence[Sequence[float | None]],
) -> dict[tuple[int, int], tuple[list[float], list[int]]]:
    """Sort values by their position.

    Args:
        answers: For each answer its values in order, None where there is none.

    Returns:
        Bin → the values in it and, for each, the index of its answer; bins in order.
    """
    bins: dict[tuple[int, int], tuple[list[float], list[int]]] = {}
    for index, answer in enumerate(answers):
        for position, value in enumerate(answer, 1):
            if value is not None:
                values, owners = bins.setdefault(bin_of(position), ([], []))
                values.append(float(value))
                owners.append(index)
    return dict(sorted(bins.items()))


TextMeasure = Callable[[Sequence[int]], float | None]
"""The tokens of an answer → a number, None where the answer is too short for one."""

TEXT_MEASURES: Final[dict[str, TextMeasure]] = {"repetition": repetition, "distinct_2": distinct_n}
