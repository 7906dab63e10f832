"""Shares of questions by rank: `0%..50%` is the half with the smallest numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

_BOUND = r"-?\d+(?:\.\d+)?"
_SHARE = re.compile(rf"(?:(?P<low>{_BOUND})%)?\.\.(?:(?P<high>{_BOUND})%)?")
_MIXED = re.compile(rf"{_BOUND}%\.\.{_BOUND}|{_BOUND}\.\.{_BOUND}%")


@dataclass(frozen=True)
class Share:
    """The questions between two quantiles, the lower one included."""

    low: Fraction
    """From 0."""
    high: Fraction
    """To 1."""

    def ranks(self, n: int) -> range:
        """The ranks r of n, from 0, with low ≤ r/n < high.

        Shares that meet (`0%..30%`, `30%..100%`) so part the n without gap or overlap.
        """
        return range(ceil(self.low * n), ceil(self.high * n))


def share_in(text: str) -> Share | None:
    """The share that a wanted value names: `10%..50%`, `50%..` or `..50%`; None if it names none.

    Raises:
        ValueError: A bound is no percentage, is outside 0 to 100, or the lower is not the lower.
    """
    if _MIXED.fullmatch(text):
        raise ValueError(f"`{text}`: both bounds are percentages, or none")
    bounds = _SHARE.fullmatch(text)
    if bounds is None or text == "..":
        return None
    low, high = Fraction(bounds["low"] or 0), Fraction(bounds["high"] or 100)
    if not (0 <= low <= 100 and 0 <= high <= 100):
        raise ValueError(f"`{text}`: a percentage lies between 0% and 100%")
    if low >= high:
        raise ValueError(f"`{text}`: the lower bound comes first, and below the upper one")
    return Share(low / 100, high / 100)


def ids_in(share: Share, numbers: Mapping[str, float]) -> set[str]:
    """The ids of a share of the questions, ranked by number and, where those are equal, by id.

    Args:
        share: Which of them.
        numbers: Id → number, in any order.
    """
    ranked = sorted(numbers, key=lambda identity: (numbers[identity], identity))
    return {ranked[rank] for rank in share.ranks(len(ranked))}
