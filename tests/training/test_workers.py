import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_models import make_model

from ensemble_core.settings import TrainingSettings
from ensemble_core.training import train
from ensemble_core.workers import SINGLE, DistributedWorkers, current_workers

SETTINGS = TrainingSettings(epochs=2.3, batch_size=13, learning_rate=1e-2)
HERE = Path(__file__).parent

WORKER = """
import json, sys
import numpy as np
import torch, torch.distributed as dist
from tiny_models import CONTEXT, make_model, make_questions, make_tokenizer
from ensemble_core.encoding import TokenDataset, encode_all
from ensemble_core.errors import CancelledError
from ensemble_core.settings import TrainingSettings
from ensemble_core.training import train
from ensemble_core.workers import current_workers

rank, rendezvous, settings = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
workers = current_workers()
data = TokenDataset(encode_all(make_tokenizer(), make_questions(40), max_length=CONTEXT))
weights = np.random.default_rng(1).exponential(size=data.n_answer_tokens)
model = make_model(seed=rank)  # rank 1 starts from other weights; it gets rank 0's
log = train(model, data, TrainingSettings(**settings), seed=3, token_weights=weights,
            workers=workers)
try:  # one worker alone is told to stop: all stop
    train(model, data, TrainingSettings(**settings), seed=3, workers=workers,
          should_stop=lambda: rank == 1)
except CancelledError:
    stopped = True
total = sum(float(p.double().sum()) for p in model.parameters())
print(json.dumps({"losses": log.losses, "total": total, "tokens": log.tokens,
                  "stopped": stopped, "size": workers.size}))
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    rendezvous = tmp_path_factory.mktemp("workers") / "rendezvous"
    settings = SETTINGS.model_dump_json()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(rank), str(rendezvous), settings],
            cwd=HERE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def test_two_workers_have_one_workers_loss_curve(two_workers, data):
    """The global batch is odd, so the shares are unequal; the last one has a single example."""
    weights = np.random.default_rng(1).exponential(size=data.n_answer_tokens)
    model = make_model(seed=0)
    alone = train(model, data, SETTINGS, seed=3, token_weights=weights)
    for worker in two_workers:
        assert worker["size"] == 2
        assert worker["tokens"] == alone.tokens
        np.testing.assert_allclose(worker["losses"], alone.losses, rtol=1e-4)


def test_workers_agree_to_the_bit(two_workers):
    first, second = two_workers
    assert first["losses"] == second["losses"]
    assert first["total"] == second["total"]


def test_one_stop_stops_all(two_workers):
    assert all(worker["stopped"] for worker in two_workers)


def test_without_a_process_group_there_is_one_worker():
    assert current_workers() is SINGLE
    assert (SINGLE.rank, SINGLE.size) == (0, 1)
    with pytest.raises(RuntimeError, match="no process group"):
        DistributedWorkers()
