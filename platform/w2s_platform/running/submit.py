"""Hand a sweep to a Ray cluster as a job, follow it, and end as it ends."""

import asyncio
import os
import re
import shlex
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_core.errors import InputError
from w2s_platform.running.bundle import Bundle, make_bundle

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

PASSED_ON = (
    "W2S_STORE", "W2S_DATA_DIR", "HF_HUB_OFFLINE", "HF_HOME",
    "MLFLOW_TRACKING_URI", "WANDB_BASE_URL", "WANDB_MODE",
)  # fmt: skip
"""Variables that the job gets where they are set here. No keys or passwords: whoever sees the job
sees its variables."""
_SECRET = re.compile(r"://[^/@\s]*:[^/@\s]*@")
"""A password in a URL."""
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_POLL = 1.0


@dataclass(frozen=True)
class Job:
    """What is handed over."""

    id: str
    """Made of the sweep's name and content: the same sweep has the same id."""
    entrypoint: str
    folder: Path
    """What the job finds in its working directory."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


def submit(
    file: Path,
    *,
    address: str,
    store: str | None = None,
    data_root: Path | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
) -> int:
    """Run a sweep as a job of a cluster.

    A sweep whose job is running is followed, not started again. One whose job has ended gets a
    further job, which runs what is missing. Interrupting this ends the following, not the job.

    Args:
        file: The sweep file; it goes to the cluster with the task cards that lie beside it.
        address: The cluster's address for jobs, such as `http://127.0.0.1:8265`.
        store: The store, as the cluster's nodes reach it.
        data_root: Where the cards' local files lie, as the cluster's nodes reach it.
        retry_failed: Run again what failed for good.
        quiet: Print errors only.

    Returns:
        The exit status of the job's `w2s run`.

    Raises:
        InputError: The file is wrong, or no cluster answers.
    """
    from w2s_platform.store import open_store

    say = (lambda _: None) if quiet else _to_stderr
    options = ["--store", open_store(store).url]
    options += ["--data-root", str(data_root.resolve())] if data_root else []
    with tempfile.TemporaryDirectory(prefix="w2s-") as folder:
        bundle = make_bundle(file, Path(folder))
        job = _job(bundle, options, retry_failed)
        return hand_over(connect_to(address), job, say=say, show=not quiet)


def hand_over(
    client: "JobSubmissionClient",
    job: Job,
    *,
    say: Callable[[str], None],
    show: bool = True,
) -> int:
    """Submit a job, or find the one that is running, and follow it to its end.

    Args:
        client: The cluster.
        job: The job.
        say: Gets lines for people.
        show: Print the job's output.

    Returns:
        The exit status of its driver.
    """
    job_id = _find_or_submit(client, job, say)
    try:
        if show:
            asyncio.run(_print_logs(client, job_id))
        return _wait(client, job_id, say)
    except KeyboardInterrupt:
        say(f"the job goes on; `ray job stop {job_id}` ends it, the same command follows it again")
        raise


def connect_to(address: str) -> "JobSubmissionClient":
    """A client of a cluster.

    Raises:
        InputError: Nothing answers at the address.
    """
    from ray.job_submission import JobSubmissionClient

    if not address.startswith(("http://", "https://")):
        hint = "the address for jobs, such as http://127.0.0.1:8265"
        raise InputError("not an address that jobs go to", where=address, hint=hint)
    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, OSError) as error:
        hint = "is its dashboard running? `ray start --head` prints the address"
        if "uthentication" in str(error):
            hint = "it asks for a token: set RAY_AUTH_MODE=token, see `ray get-auth-token`"
        raise InputError("no cluster answers", where=address, hint=hint) from error


def _job(bundle: Bundle, options: list[str], retry_failed: bool) -> Job:
    again = ["--retry-failed"] if retry_failed else []
    command = ["w2s", "run", bundle.file, *options, *again]
    return Job(
        id=f"w2s-{bundle.sweep}-{bundle.digest(options)}",
        entrypoint=shlex.join(command),
        folder=bundle.folder,
        environment=job_environment(),
    )


def job_environment() -> dict[str, str]:
    """Variables of the job's processes.

    A cluster that was started without its Python environment being activated still finds `w2s`
    where this machine has it; Ray puts the node's own PATH in.
    """
    scripts = sysconfig.get_path("scripts")
    given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    passed = {name: value for name, value in given.items() if not _SECRET.search(value)}
    return {"PYTHONUNBUFFERED": "1", "PATH": f"{scripts}{os.pathsep}${{PATH}}", **passed}


def _find_or_submit(client: "JobSubmissionClient", job: Job, say: Callable[[str], None]) -> str:
    number = 1
    while True:
        job_id = job.id if number == 1 else f"{job.id}-{number}"
        status = _status(client, job_id)
        if status is None and _submit(client, job, job_id):
            say(f"submitted as {job_id}")
            return job_id
        if status not in _ENDED:
            say(f"{job_id} is running already: following it")
            return job_id
        say(f"{job_id} has {status.lower()}: going on from there")
        number += 1


def _submit(client: "JobSubmissionClient", job: Job, job_id: str) -> bool:
    """Submit; False if somebody else has just submitted the same id."""
    environment: dict[str, Any] = {
        "working_dir": str(job.folder),
        "env_vars": job.environment,
    }
    try:
        client.submit_job(entrypoint=job.entrypoint, submission_id=job_id, runtime_env=environment)
    except RuntimeError:
        if _status(client, job_id) is None:
            raise
        return False
    return True


def _status(client: "JobSubmissionClient", job_id: str) -> str | None:
    """The job's status; None where the cluster does not know it."""
    try:
        return str(client.get_job_status(job_id).value)
    except RuntimeError as error:
        if "404" in str(error) or "does not exist" in str(error):
            return None
        raise


async def _print_logs(client: "JobSubmissionClient", job_id: str) -> None:
    async for text in client.tail_job_logs(job_id):
        sys.stdout.write(text)
        sys.stdout.flush()


def _wait(client: "JobSubmissionClient", job_id: str, say: Callable[[str], None]) -> int:
    while (status := _status(client, job_id)) not in (*_ENDED, None):
        time.sleep(_POLL)
    details = client.get_job_info(job_id)
    if status == "SUCCEEDED":
        return 0
    say(f"{job_id} has {str(status).lower()}: {details.message or 'no message'}")
    return details.driver_exit_code or 1


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
