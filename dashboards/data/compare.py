"""Sweeps side by side: in which settings they differ."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboards.data.reader import SweepData
from w2s_platform.explain import ABSENT, field_differences
from w2s_platform.results.values import show_value
from w2s_platform.store import Store

if TYPE_CHECKING:
    import pandas as pd

_SKIPPED = ("seed",)


def different_settings(data: Sequence[SweepData], store: Store) -> "pd.DataFrame":
    """The settings of the stages in which sweeps differ, one column per sweep.

    Each sweep is told by the values that occur in its finished stages, by kind of stage. What is
    varied inside a sweep shows all its values.

    Returns:
        Columns `stage`, `setting`, then one per sweep.
    """
    import pandas as pd

    told = [_settings(each, store) for each in data]
    names = [each.sweep for each in data]
    lines: list[dict[str, str]] = []
    for kind, setting in dict.fromkeys(key for one in told for key in one):
        values = [", ".join(sorted(one.get((kind, setting), {ABSENT}))) for one in told]
        if len(set(values)) > 1:
            lines.append(
                {"stage": kind, "setting": setting, **dict(zip(names, values, strict=True))}
            )
    return pd.DataFrame(lines, columns=["stage", "setting", *names])


def _settings(data: SweepData, store: Store) -> Mapping[tuple[str, str], set[str]]:
    """Kind and setting → the values that occur, of one cell per configuration."""
    found: dict[tuple[str, str], set[str]] = {}
    seen: set[str] = set()
    for cell in {cell.trial: cell for cell in reversed(data.ledger.cells)}.values():
        for key in cell.stages:
            if key in seen or key not in data.stages:
                continue
            seen.add(key)
            manifest = store.manifest(key)
            if manifest is None:
                continue
            settings: Mapping[str, Any] = manifest.preimage["settings"]
            for field, value, _ in field_differences(settings, {}):
                if field.rpartition(".")[2] not in _SKIPPED:
                    found.setdefault((manifest.kind, field), set()).add(_text(value))
    return found


def _text(value: Any) -> str:
    return show_value(value) if not isinstance(value, list) else ", ".join(map(str, value))
