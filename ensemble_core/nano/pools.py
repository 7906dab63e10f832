"""Which text a pretraining corpus may hold, decided by content alone."""

import hashlib
from typing import Final, Literal

Pool = Literal["corpus", "task"]

#: One payload in this many belongs to the tasks; the rest may appear in the corpus.
TASK_SHARE: Final = 4


def pool(key: str) -> Pool:
    """Say whether the question whose content is `key` may be pretrained on or asked.

    The split depends on nothing but the text, so a question can't be in the corpus of one
    run and in the test set of another, whatever the seeds.
    """
    digest = hashlib.sha256(key.encode()).digest()
    return "task" if digest[0] % TASK_SHARE == 0 else "corpus"
