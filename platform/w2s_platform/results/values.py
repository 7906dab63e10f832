"""How the value of a varied key is written, wherever it is shown."""

import math
from typing import Any


def show_value(value: Any) -> str:
    """Write the value of a varied key: `0.0001` as `1e-04`'s shortest form, true as `true`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
