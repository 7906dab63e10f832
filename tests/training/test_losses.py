"""The confidence loss against the paper's formula, written out with explicit thresholds."""

import numpy as np
import pytest
import torch
from tiny_models import make_model

from ensemble_core.encoding import Encoded, TokenDataset
from ensemble_core.errors import InputError
from ensemble_core.losses import LOSSES, Targets, confidence, cross_entropy, find_loss
from ensemble_core.models.class_head import add_class_head
from ensemble_core.sampling import batches
from ensemble_core.settings import LossName, TrainingSettings
from ensemble_core.soft_targets import SoftTargets
from ensemble_core.training import train

LOGITS = torch.tensor(
    [[0.1, 2.0], [1.5, 1.4], [0.0, 1.0], [2.0, -1.0], [0.3, 0.5], [1.0, 0.2]], dtype=torch.float64
)  # of class 1 over class 0: 1.9, -0.1, 1.0, -3.0, 0.2, -0.8
LABELS = torch.tensor([0, 1, 0, 0, 1, 0])


def log_softmax(logits):
    values = np.asarray(logits, dtype=np.float64)
    return values - np.log(np.exp(values).sum(axis=1, keepdims=True))


def by_hand(logits, weak, hardened, a):
    """(1 - a)·CE(f, weak) + a·CE(f, f̂) for weak labels as distributions [n, V]."""
    log_probs = log_softmax(logits)
    own = -log_probs[np.arange(len(log_probs)), hardened]
    return (1 - a) * -(np.asarray(weak) * log_probs).sum(axis=1) + a * own


def soft(weak):
    """Weak distributions [n, 2] as targets, likeliest class first."""
    weak = torch.tensor(weak, dtype=torch.float64)
    probabilities, indices = weak.sort(dim=-1, descending=True)
    return Targets(indices[:, 0], indices, probabilities.log())


def test_two_classes_are_told_apart_where_the_balance_is_that_of_the_labels():
    margin = (LOGITS[:, 1] - LOGITS[:, 0]).numpy()
    hardened = (margin > 0.5).astype(int)  # two of six, as among the labels; the argmax has three
    assert hardened.sum() == LABELS.sum()
    expected = by_hand(LOGITS, np.eye(2)[LABELS], hardened, 0.75)
    got = confidence(LOGITS, Targets(LABELS), weight=0.75)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_soft_labels_count_by_their_probability():
    weak = np.array([[0.2, 0.8], [0.1, 0.9], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5], [0.4, 0.6]])
    margin = (LOGITS[:, 1] - LOGITS[:, 0]).numpy()
    hardened = (margin > -0.5).astype(int)  # 4.1 of 6 in the labels
    assert hardened.sum() == 4
    expected = by_hand(LOGITS, weak, hardened, 0.5)
    np.testing.assert_allclose(confidence(LOGITS, soft(weak)), expected, rtol=1e-12)


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_class_leave_only_that_class(label):
    labels = torch.full((6,), label)
    got = confidence(LOGITS, Targets(labels), weight=0.5)
    torch.testing.assert_close(got, cross_entropy(LOGITS, Targets(labels)))


def test_equal_predictions_still_keep_the_balance():
    logits = torch.zeros(5, 2, dtype=torch.float64).requires_grad_()
    confidence(logits, Targets(torch.tensor([1, 0, 1, 0, 0])), weight=1.0).sum().backward()
    assert logits.grad is not None
    hardened = 0.5 - logits.grad[:, 1]  # the gradient is softmax - target
    assert sorted(hardened.tolist()) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("size", [3, 98])
def test_more_classes_and_tokens_are_hardened_by_the_argmax(size):
    logits = torch.randn(20, size, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.arange(20) % size
    expected = by_hand(logits, np.eye(size)[labels], logits.argmax(dim=1).numpy(), 0.5)
    np.testing.assert_allclose(confidence(logits, Targets(labels)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("progress", "a"), [(0.0, 0.0), (0.05, 0.15), (0.1, 0.3), (0.2, 0.6), (0.5, 0.6), (1.0, 0.6)]
)
def test_the_weight_rises_over_the_first_fifth_of_the_training(progress, a):
    margin = (LOGITS[:, 1] - LOGITS[:, 0]).numpy()
    expected = by_hand(LOGITS, np.eye(2)[LABELS], (margin > 0.5).astype(int), a)
    got = confidence(LOGITS, Targets(LABELS, progress=progress), weight=0.6)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_no_gradient_flows_through_the_hardened_prediction():
    logits = LOGITS.clone().requires_grad_()
    confidence(logits, Targets(LABELS), weight=0.75).sum().backward()
    hardened = (LOGITS[:, 1] - LOGITS[:, 0]).numpy() > 0.5
    target = 0.25 * np.eye(2)[LABELS] + 0.75 * np.eye(2)[hardened.astype(int)]
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad, np.exp(log_softmax(LOGITS)) - target, atol=1e-12)


def test_losses_are_found_by_the_names_of_the_settings():
    assert set(LOSSES) == set(LossName.__args__)
    targets = Targets(LABELS)
    torch.testing.assert_close(
        find_loss("confidence", 0.2)(LOGITS, targets), confidence(LOGITS, targets, weight=0.2)
    )
    torch.testing.assert_close(
        find_loss("cross_entropy")(LOGITS, targets), find_loss("confidence", 0.0)(LOGITS, targets)
    )


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_out_of_range_is_refused(weight):
    with pytest.raises(InputError, match="between 0 and 1"):
        find_loss("confidence", weight)


@pytest.fixture
def classes():
    """Forty prompts of one to four tokens with weak labels of two classes, and soft ones."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(3, 98, size=rng.integers(1, 5)).tolist() for _ in range(40)]
    weak = rng.random(40)
    data = TokenDataset(
        [Encoded((*p, int(w > 0.5)), len(p)) for p, w in zip(prompts, weak, strict=True)]
    )
    return data, np.stack([1 - weak, weak], axis=1)


def mean_loss(model, data, weak, rows, a):
    """The step's loss for one batch of examples, one prompt at a time."""
    with torch.no_grad():
        logits = [model(torch.tensor([data.examples[r].prompt_ids])).logits[0, -1] for r in rows]
    logits = torch.stack(logits).double().numpy()
    margin = logits[:, 1] - logits[:, 0]
    ones = round(weak[rows, 1].sum())
    threshold = np.sort(margin)[::-1][ones - 1] - 1e-9 if ones else np.inf
    return by_hand(logits, weak[rows], (margin > threshold).astype(int), a).mean()


@pytest.mark.parametrize("labels", ["hard", "soft"])
@pytest.mark.parametrize("micro_batch_size", [None, 4])
def test_training_warms_up_and_takes_its_threshold_from_each_micro_batch(
    classes, labels, micro_batch_size
):
    data, weak = classes
    if labels == "hard":
        weak = np.eye(2)[data.answer_tokens]
    order = np.argsort(-weak, axis=1)
    logs = np.log(np.take_along_axis(weak, order, axis=1).clip(1e-30)).astype(np.float32)
    model = add_class_head(make_model(initializer_range=0.3), 2, 0)
    settings = TrainingSettings(
        epochs=2,
        batch_size=8,
        micro_batch_size=micro_batch_size,
        learning_rate=1e-12,  # the model stays as it is, so that every step can be checked
    )
    log = train(
        model,
        data,
        settings,
        seed=3,
        loss="confidence",
        confidence_weight=0.8,
        soft_targets=SoftTargets(order, logs, data.answer_tokens) if labels == "soft" else None,
    )
    drawn = batches(np.arange(40), epochs=2, batch_size=8, rng=np.random.default_rng(3))
    expected = [
        np.mean([
            mean_loss(model.eval(), data, weak, part, a)
            for part in np.split(rows, len(rows) // (micro_batch_size or len(rows)))
        ])
        for rows, a in zip(drawn, [0.0, 0.4] + 8 * [0.8], strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(log.losses, expected, rtol=1e-4)


def test_confidence_weighs_against_labels_that_the_student_disbelieves():
    """One odd label among copies of a prompt: the sure student keeps its own mind."""
    prompts = [(5, 6), (7, 8)]
    sure = TokenDataset([Encoded((*prompts[i % 2], i % 2), 2) for i in range(16)])
    odd = TokenDataset([Encoded((*prompts[i % 2], 1 - i % 2 if i < 4 else i % 2), 2)
                        for i in range(16)])  # fmt: skip
    probabilities = {}
    settings = TrainingSettings(epochs=20, batch_size=16, learning_rate=1e-2)
    for loss in ("cross_entropy", "confidence"):
        model = add_class_head(make_model(), 2, 0)
        train(model, sure, settings, seed=0)
        train(model, odd, settings, seed=0, loss=loss)
        with torch.no_grad():
            probabilities[loss] = model(torch.tensor([prompts[1]])).logits[0, -1].softmax(-1)[1]
    assert probabilities["confidence"] > probabilities["cross_entropy"] + 0.05
