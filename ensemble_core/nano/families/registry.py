"""All families by name: four operations on two alphabets, and their mixes."""

from typing import Final

from ensemble_core.nano.families.family import Family, mix, single
from ensemble_core.nano.families.operations import OPERATIONS

#: Goes up whenever the same (family, count, seed, difficulties) would give other questions.
VERSION: Final = 1

#: Ten characters each, so that the domains differ in nothing but their symbols.
ALPHABETS: Final = {"letters": "abcdefghij", "digits": "0123456789"}


def _over(domain: str) -> tuple[Family, ...]:
    alphabet = ALPHABETS[domain]
    return tuple(single(f"{op.verb}-{domain}", op, alphabet) for op in OPERATIONS)


def _registry() -> dict[str, Family]:
    singles = {domain: _over(domain) for domain in ALPHABETS}
    everything = tuple(family for members in singles.values() for family in members)
    mixes = [mix(domain, members) for domain, members in singles.items()]
    return {family.name: family for family in (*everything, *mixes, mix("mixed", everything))}


#: `sort-letters` ... `keep-digits`; `letters` and `digits` mix a domain's four, `mixed` all eight.
FAMILIES: Final = _registry()
