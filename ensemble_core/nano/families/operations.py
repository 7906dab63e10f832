"""What the nano families compute: four procedures on a string over an ordered alphabet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: (payload, alphabet) -> answer.  The payload uses only characters of the alphabet.
Rule = Callable[[str, str], str]


def sort(payload: str, alphabet: str) -> str:
    """Put the characters into the alphabet's order, repeats kept."""
    return "".join(sorted(payload, key=alphabet.index))


def reverse(payload: str, alphabet: str) -> str:
    """Write the characters from last to first."""
    return payload[::-1]


def successor(payload: str, alphabet: str) -> str:
    """Replace each character by its successor; the last one's successor is the first."""
    return "".join(alphabet[(alphabet.index(c) + 1) % len(alphabet)] for c in payload)


def keep_upper_half(payload: str, alphabet: str) -> str:
    """Keep the characters of the alphabet's upper half, in their order; may be empty."""
    upper = alphabet[len(alphabet) // 2 :]
    return "".join(c for c in payload if c in upper)


@dataclass(frozen=True)
class Operation:
    """A procedure, the verb that asks for it, and how long its payloads are."""

    verb: str
    rule: Rule
    shortest: int
    """Characters of a payload of difficulty 0; each grade adds one."""


#: `keep` drops about half of the payload, so its payloads are one character longer.
OPERATIONS: Final = (
    Operation("sort", sort, 3),
    Operation("reverse", reverse, 3),
    Operation("next", successor, 3),
    Operation("keep", keep_upper_half, 4),
)
