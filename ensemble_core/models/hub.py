"""The model hub: whether it answers, and the commit at which a branch stands."""

import os
import re
import socket
import time
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from ensemble_core.errors import InputError, W2SError

ASK_AGAIN = 30.0
"""Seconds for which an answer, or the lack of one, is remembered."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_TRY_LATER = (408, 429)
"""HTTP statuses below 500 that say nothing about what was asked for."""


class HubError(W2SError, ConnectionError):
    """The hub did not answer. Nothing is wrong with what was asked for; later it may come."""


def hub_answers(seconds: float = 5.0) -> bool:
    """Whether a connection to the hub can be opened; asked every half minute at most.

    Without this, a machine that reaches no hub spends most of a minute in the client's retries.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in _PROXIES):  # only the client knows how to go there
        return True
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    return _opens(address.hostname or "", port, seconds, time.monotonic() // ASK_AGAIN)


@lru_cache(maxsize=1)
def _opens(host: str, port: int, seconds: float, period: float) -> bool:
    del period  # part of the cache's key: a hub that was down may be up in the next one
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True


def find_commit(repository: str, revision: str | None) -> str:
    """The commit (40 hex digits) at which a model's branch or tag stands.

    A commit stands for itself, and nobody is asked. Where the hub does not answer, it is the one
    that the local cache holds.

    Args:
        repository: The model's repository, such as `EleutherAI/pythia-70m`.
        revision: A branch, a tag or a commit; default: the main branch.

    Raises:
        InputError: The hub has no such model or revision, or does not show it.
        HubError: The hub does not answer, and the local cache does not hold the model.
    """
    if revision and _COMMIT.fullmatch(revision):
        return revision
    try:
        return _ask(repository, revision)
    except Exception as error:  # the client's and its network library's own kinds
        if not is_outage(error):
            raise InputError(
                f"the hub refuses: {_first_line(error)}",
                where=repository,
                hint="check the name and revision, or use `path:` for a local directory",
            ) from error
        if commit := _cached_commit(repository, revision):
            return commit
        raise HubError(
            f"the hub did not answer: {_first_line(error)}",
            where=repository,
            hint="check the connection; without one, have the model in the local cache, or use "
            "`path:` for a local directory",
        ) from error


def is_outage(error: BaseException | None) -> bool:
    """Whether the hub, or the way to it, failed: the same request may succeed later.

    Args:
        error: What a client of the hub raised; what caused it is looked at too.
    """
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None:
            return status >= 500 or status in _TRY_LATER
        # Which library the client goes through, and so the class, depends on the client's version.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "TransportError" in kinds or isinstance(error, ConnectionError | TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _ask(repository: str, revision: str | None) -> str:
    from huggingface_hub import HfApi

    if not hub_answers():
        raise ConnectionError("no connection can be opened")
    commit = HfApi().model_info(repository, revision=revision, timeout=30.0).sha
    assert commit is not None, "the hub names a commit with every model"
    return commit


def _cached_commit(repository: str, revision: str | None) -> str | None:
    """The commit that the local cache took the branch for when it was last read."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
