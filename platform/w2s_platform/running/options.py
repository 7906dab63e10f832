"""What a caller may choose about a run; none of it changes a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from w2s_platform.running.needs import Needs, needs_of_training
from w2s_platform.running.policy import Policy
from w2s_platform.running.tracking.options import Tracking

if TYPE_CHECKING:
    from w2s_platform.sweepfile.resources import ResourceSettings


@dataclass(frozen=True)
class RunOptions:
    """How a sweep is run."""

    store_url: str
    data_root: str | None = None
    address: str | None = None
    """A Ray cluster; default: RAY_ADDRESS, else a Ray of this process's own."""
    concurrency: int | None = None
    """Cells at work at once; default: what the machines hold."""
    needs: Mapping[str, Needs] = field(default_factory=dict[str, Needs])
    """What trainings hold, by role: a search has no stages yet whose needs could be checked."""
    policy: Policy = field(default_factory=Policy)
    tracking: Tracking | None = None
    """Where else the run is shown."""
    callbacks: Sequence[Any] = ()
    """Further callbacks of Ray Tune."""
    debug: bool = False
    """Let the libraries' own messages through."""

    @classmethod
    def of(
        cls,
        resources: "ResourceSettings",
        *,
        store_url: str,
        data_root: str | None = None,
        address: str | None = None,
        retry_failed: bool = False,
        tracking: Tracking | None = None,
        debug: bool = False,
    ) -> "RunOptions":
        """The options that a sweep file's `resources:` and the command line ask for."""
        policy = Policy(
            retries=resources.retries,
            time_budget=resources.time_budget,
            device_hours=resources.device_hours,
            retry_failed=retry_failed,
        )
        return cls(
            store_url,
            data_root,
            address,
            concurrency=resources.concurrency,
            needs=needs_of_training(resources),
            policy=policy,
            tracking=tracking,
            debug=debug,
        )
