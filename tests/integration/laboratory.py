"""A laboratory in a folder: a tiny model, two question sets, their cards, and sweeps."""

import json
from dataclasses import dataclass
from pathlib import Path

SWEEP = """
sweep: tiny
tasks:
  labelled: {task: copy, size: 24}
  transfer: {task: copy, size: 24}
  validation: {task: copy, size: 12}
  id: [{task: copy, size: 16}]
  ood: [{task: long-copy, size: 16}]
experts:
  model: {path: MODEL}
  rounds: 3
  training: {epochs: 2, batch_size: 8, learning_rate: 0.003}
student:
  model: {path: MODEL}
  training: {epochs: 2, batch_size: 8, learning_rate: 0.003}
evaluation: {max_new_tokens: 8, metrics: [accuracy, token_accuracy, nll]}
seeds: 1
"""

CARD = """
task: NAME
sources:
  - files: {train: NAME-train.jsonl, test: NAME-test.jsonl}
    fields: {question: question, answer: answer}
prompt: "{{ question }}="
answer: "{{ answer }}"
"""


STUDY = SWEEP.replace("sweep: tiny", "sweep: study").replace("seeds: 1", "seeds: 2").replace(
    "epochs: 2, batch_size: 8, learning_rate: 0.003",
    "epochs: 20, batch_size: 8, learning_rate: 0.01",
).replace("metrics: [accuracy, token_accuracy, nll]", "each_expert: true") + (
    "vary: [{grid: {experts.combine: [mean, vote]}}]\n"
)


@dataclass(frozen=True)
class Lab:
    """Where everything lies."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    def sweep(self, text: str = SWEEP, name: str = "tiny.yaml") -> Path:
        """Write a sweep file beside the cards."""
        path = self.root / name
        path.write_text(text.replace("MODEL", str(self.model)))
        return path


def build(root: Path) -> Lab:
    """Write the data, the cards and the model below a folder."""
    made = Lab(root)
    made.data.mkdir()
    made.tasks.mkdir()
    for name, length in (("copy", 2), ("long-copy", 3)):
        write_questions(made.data, name, length)
        (made.tasks / f"{name}.yaml").write_text(CARD.replace("NAME", name))
    write_model(made.model)
    return made


def write_questions(folder: Path, name: str, length: int) -> None:
    """Copy a word: the answer is the question. Words differ between the splits."""
    letters = "abcdefgh"
    words = [a + b + "".join(c for c in "h" * (length - 2)) for a in letters for b in letters]
    words += [word[::-1] + "a" for word in words]
    for split, chosen in (("train", words[::2]), ("test", words[1::2])):
        rows = [json.dumps({"question": word, "answer": word}) for word in chosen]
        (folder / f"{name}-{split}.jsonl").write_text("\n".join(rows) + "\n")


def write_model(folder: Path) -> None:
    """A GPT-NeoX of about 20,000 parameters with one token per letter."""
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: n for n, token in enumerate(["<pad>", "<eos>", "=", *"abcdefgh"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>")
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=32, eos_token_id=1, bos_token_id=1,
        pad_token_id=0,
    )  # fmt: skip
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
