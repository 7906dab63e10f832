"""A sweep over the shipped tasks, and its graph."""

from pathlib import Path

from ensemble_core.documents import parse
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import find_card
from w2s_platform.graph.build import build_graph
from w2s_platform.graph.model import Cell, Graph
from w2s_platform.sweepfile.load import check_sweep
from w2s_platform.sweepfile.sweep import Sweep

CARDS = Path(__file__).parents[2] / "sweeps" / "tasks"
NAMES = ("nano-letters", "nano-mixed", "nano-digits")
SWEEP = """
sweep: shared
tasks:
  labelled: nano-letters[difficulty=1..3, size=20]
  transfer: nano-mixed[size=20]
  validation: nano-letters[size=10]
  id: nano-letters[size=10]
  ood: nano-digits[size=10]
experts: {model: nano-xs, rounds: 3}
student: {model: nano-s}
"""


def sweep_of(text: str) -> Sweep:
    return check_sweep(parse(text, path="sweep.yaml"))


def shipped_cards() -> dict[str, TaskCard]:
    return {name: find_card(name, [CARDS]) for name in NAMES}


def graph(text: str) -> Graph:
    return build_graph(sweep_of(text), shipped_cards())


def cell(more: str = "", *replacements: tuple[str, str]) -> Cell:
    text = SWEEP + more
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    [only] = graph(text).cells
    return only
