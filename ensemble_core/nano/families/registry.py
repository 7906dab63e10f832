"""All families by name: four operations on two alphabets, their mixes, and counting."""

from typing import Final

from ensemble_core.nano.families.alphabets import ALPHABETS
from ensemble_core.nano.families.counting import counting
from ensemble_core.nano.families.family import Family, mix, single
from ensemble_core.nano.families.operations import OPERATIONS

#: Goes up whenever the same (family, count, seed, difficulties) would give other questions.
VERSION: Final = 1


def _over(domain: str) -> tuple[Family, ...]:
    alphabet = ALPHABETS[domain]
    return tuple(single(f"{op.verb}-{domain}", op, alphabet) for op in OPERATIONS)


def _registry() -> dict[str, Family]:
    singles = {domain: _over(domain) for domain in ALPHABETS}
    everything = tuple(family for members in singles.values() for family in members)
    mixes = [mix(domain, members) for domain, members in singles.items()]
    counts = [counting(f"count-{domain}", alphabet) for domain, alphabet in ALPHABETS.items()]
    named = (*everything, *mixes, mix("mixed", everything), *counts)
    return {family.name: family for family in named}


#: `sort-letters` ... `keep-digits`; `letters` and `digits` mix a domain's four, `mixed` all eight;
#: `count-letters` and `count-digits` are in no mix.
FAMILIES: Final = _registry()
