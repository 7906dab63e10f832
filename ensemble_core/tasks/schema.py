"""The JSON Schema of task cards, for editors."""

from typing import Any

from ensemble_core.tasks.card import TaskCard


def task_json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a task card, made from its models."""
    schema = TaskCard.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
