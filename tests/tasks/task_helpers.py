"""What the tests of tasks share besides fixtures."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ensemble_core.tasks.card import TaskCard

REPO = Path(__file__).parents[2]
MakeCard = Callable[..., TaskCard]
WriteRows = Callable[[str, Iterable[dict[str, Any]]], Path]
