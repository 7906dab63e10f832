"""Whether the model hub answers."""

import os
import socket
from functools import lru_cache
from urllib.parse import urlsplit

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@lru_cache(maxsize=1)
def hub_answers(seconds: float = 5.0) -> bool:
    """Whether a connection to the hub can be opened; asked once per process.

    Without this, a machine that reaches no hub spends most of a minute in the client's retries.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(name) for name in _PROXIES):  # only the client knows how to go there
        return True
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=seconds).close()
    except OSError:
        return False
    return True
