"""Every question of the cards named on the command line, as JSON.

Run as a program, so that the address of the hub can be another than this process began with.
"""

import json
import sys
from pathlib import Path
from typing import Any, TypeAlias

from ensemble_core.tasks.availability import available_source
from ensemble_core.tasks.card import TaskCard
from ensemble_core.tasks.cards import load_card
from ensemble_core.tasks.questions import load_questions

Told: TypeAlias = dict[str, list[dict[str, Any]]]
"""Split → questions, as JSON values."""


def tell(card: TaskCard, data_root: Path | None) -> Told:
    """The questions of every split of the source in use."""
    splits = available_source(card, data_root).splits
    return {split: _questions(card, split, data_root) for split in splits}


def _questions(card: TaskCard, split: str, data_root: Path | None) -> list[dict[str, Any]]:
    told = [
        {
            "id": question.id,
            "prompt": question.prompt,
            "answer": question.answer,
            "choices": question.choices,
            "difficulty": question.difficulty,
            "attributes": dict(question.attributes),
        }
        for question in load_questions(card, split, data_root=data_root)
    ]
    return json.loads(json.dumps(told))  # as another process would tell them


if __name__ == "__main__":
    cards = [load_card(Path(path)) for path in sys.argv[1:]]
    json.dump({card.task: tell(card, None) for card in cards}, sys.stdout)
