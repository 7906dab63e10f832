"""What sets two keys apart, as a table."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from w2s_platform.cli.render.layout import Layout, Row

if TYPE_CHECKING:
    from w2s_platform.explain import Difference

_LONGEST = 200


def difference_layout(differences: "Sequence[Difference]", first: str, second: str) -> Layout:
    """One line per field: the stage that owns it, its name, and both values."""
    rows = [
        Row((item.stage, item.field, _show(item.first), _show(item.second))) for item in differences
    ]
    columns = ("stage", "field", first[:12], second[:12])
    return Layout("what sets them apart", columns, tuple(rows), labels=4)


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
