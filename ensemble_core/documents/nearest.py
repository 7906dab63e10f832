"""The nearest name: what the writer probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most like `name`, blind to case and to `-` against `_`; None if none is like it."""
    plain = {_plain(candidate): candidate for candidate in names}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str], *, listed: int = 24) -> str:
    """A hint: the names allowed, if they are few or none is like `name`, and the nearest one.

    Args:
        name: What was written.
        names: What might have been meant.
        listed: The most names to list; 0 for none.
    """
    known = list(dict.fromkeys(names))
    found = nearest(name, known)
    parts: list[str] = []
    if known and listed and (len(known) <= listed or found is None):
        shown = ", ".join(known[:listed])
        parts.append(f"allowed: {shown}" + (", …" if len(known) > listed else ""))
    if found is not None:
        parts.append(f"did you mean `{found}`?")
    return "; ".join(parts)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").strip()
