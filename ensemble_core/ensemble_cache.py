"""One key-value cache for T experts: their layers, one expert after another.

The ensemble's cache is transformers' own `DynamicCache` with Σ layers, so that whatever handles a
cache (beam search reorders it, assisted decoding crops it) handles all experts at once. Each
expert reads and writes its share through a view on the same layer objects.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from transformers import Cache, DynamicCache, PreTrainedConfig

from ensemble_core.errors import InputError


def new_cache(configs: Sequence[PreTrainedConfig]) -> DynamicCache:
    """An empty cache for experts with these configurations, one per expert."""
    cache = DynamicCache()
    fill(cache, configs)
    return cache


def fill(cache: Cache, configs: Sequence[PreTrainedConfig]) -> None:
    """Give a cache without layers the layers of the experts; a filled one stays as it is.

    A bare `DynamicCache()` makes its layers on first use, which would leave the second expert's
    place unknown.
    """
    if not cache.layers:
        for config in configs:
            cache.layers.extend(_own_cache(config).layers)


def layer_counts(configs: Sequence[PreTrainedConfig]) -> list[int]:
    """How many cache layers each expert has."""
    return [len(_own_cache(config).layers) for config in configs]


def views(cache: Cache, counts: Sequence[int]) -> list[Cache]:
    """Each expert's share of the cache; writing to a view writes to the cache.

    Raises:
        InputError: The cache was made for another number of layers.
    """
    if len(cache.layers) != sum(counts):
        raise InputError(
            f"the cache has {len(cache.layers)} layers, the experts have {sum(counts)}",
            where="past_key_values",
            hint="pass the cache that the ensemble returned, or an empty DynamicCache()",
        )
    bounds = pairwise(accumulate(counts, initial=0))
    return [Cache(layers=cache.layers[start:stop]) for start, stop in bounds]


def _own_cache(config: PreTrainedConfig) -> DynamicCache:
    return DynamicCache(config=config.get_text_config(decoder=True))
