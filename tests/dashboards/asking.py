"""A question put to a store, as a page would."""

from typing import Any

from dashboards.blocks import Answer
from dashboards.data.library import Library
from dashboards.data.scope import scope_of
from dashboards.questions.catalogue import answer
from dashboards.selection import Selection
from w2s_platform.store import Store


def asked(store: Store, question: str, sweep: str = "study", **chosen: Any) -> Answer:
    library = Library(store.url)
    data = library.look([sweep])
    selection = Selection(question, (sweep,), **chosen)
    return answer(question, scope_of(data, selection), library.stored)
