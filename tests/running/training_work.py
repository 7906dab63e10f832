"""A stage that trains a tiny model, on as many workers as its runtime spreads it over."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from w2s_platform.stage import Stage
from w2s_platform.stages.runtime import Outcome, Runtime
from w2s_platform.store import Store, open_store

CONTEXT = 24


def make_pretrained(store: Store) -> str:
    """Publish a tiny causal LM as a `pretrain` artifact, and return its key."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    from ensemble_core.nano.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    model = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=CONTEXT,
        )
    )
    stage = Stage("pretrain", {"tiny": 1})
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        model.save_pretrained(lease.workdir / "model")
        tokenizer.save_pretrained(lease.workdir / "model")
        (lease.workdir / "model.json").write_text(json.dumps({"path": "model"}))
        lease.publish()
    return stage.key


def make_job(store_url: str, pretrained: str, out: Path) -> Any:
    """A fine-tuning on sums, 24 examples in batches of 8."""
    from ensemble_core.encoding import TokenDataset, encode_all
    from ensemble_core.nano.tokenizer import build_tokenizer
    from ensemble_core.settings import TrainingSettings
    from ensemble_core.tasks.question import Question
    from w2s_platform.stages.training import TrainJob

    questions = [Question(f"{a}+{a % 5}=", f" {a + a % 5}") for a in range(24)]
    data = TokenDataset(encode_all(build_tokenizer(), questions, max_length=CONTEXT))
    return TrainJob(
        store_url=store_url,
        pretrained=pretrained,
        layers=None,
        adapter=None,
        training=TrainingSettings(batch_size=8, epochs=4, learning_rate=1e-2),
        precision="fp32",
        seed=3,
        data=data,
        out=str(out),
        token_weights=np.linspace(0.5, 2.0, data.n_answer_tokens),
        scored=data,
        score_pretrained=True,
    )


def train_stage(stage: Stage, store_url: str, runtime: Runtime) -> Outcome:
    """Train as the stage's settings say; the artifact is the model and its log."""
    from w2s_platform.stages.training import train_job

    store = open_store(store_url)
    lease = store.acquire(stage.key, stage.kind)
    assert lease is not None
    with lease:
        trained = train_job(
            make_job(store_url, stage.settings["pretrained"], lease.workdir), runtime
        )
        assert trained.misses is not None
        assert trained.pretrained_misses is not None
        summary = {
            "losses": trained.log.losses,
            "tokens": trained.log.tokens,
            "misses": trained.misses.tolist(),
            "pretrained_misses": trained.pretrained_misses.tolist(),
        }
        (lease.workdir / "summary.json").write_text(json.dumps(summary))
        lease.publish()
    return Outcome(stage.key, "done", lease.seconds)
