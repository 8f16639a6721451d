"""An evaluation of some of the held-out examples takes them from everywhere, not from the beginning."""

from __future__ import annotations

from elman import Classifier


def test_a_limited_evaluation_of_sorted_classes_sees_them_all() -> None:
    """With the examples sorted by class, the first of them would be of one class only."""
    texts = ["red rose"] * 40 + ["blue sea"] * 40
    labels = ["warm"] * 40 + ["cold"] * 40
    model = Classifier(
        hidden_size=4, embedding=4, max_steps=60, evaluate_every=20, evaluate_tokens=10, calibrate=False,
        split=(0.5, 0.5, 0.0), warmup_steps=0, learning_rate=0.02, threads=1, device="cpu", precision="float32",
    ).fit(texts, labels, progress=False, tune=False)  # fmt: skip
    figures = model.metrics["valid"]
    assert figures["accuracy"] == 1.0
    # Only where both classes were there can the F1 of both be 1.
    assert figures["macro_f1"] == 1.0
