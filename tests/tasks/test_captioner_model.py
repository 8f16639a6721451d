"""The captioner as people use it: it learns, writes, scores, measures, and says what it cannot use."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

import elman
from elman import Captioner
from elman.errors import ArtifactError, ConfigError, DataError, TrainingInterrupted
from elman.tasks.captioner.setup import CaptionObjective
from elman.tasks.run import resume_run

from .small_captioners import OPTIONS, bars, trained, vectors


@pytest.fixture(scope="module")
def seeing() -> Captioner:
    """One that learnt to read bars, with attention."""
    torch.set_num_threads(1)
    pixels, captions = bars(160)
    return trained(pixels, captions, attention="luong", max_steps=120, evaluate_every=40, ema_decay=0.9)


def test_it_learns_to_read_images(seeing: Captioner) -> None:
    pixels, captions = bars(40, seed=3)
    figures = seeing.evaluate(pixels, captions)
    assert figures["exact"] > 0.9
    assert figures["bleu"] > 90
    assert "nrefs:1" in figures["bleu_signature"]
    assert figures["perplexity"] == pytest.approx(math.exp(figures["loss"]))
    written = seeing.caption(pixels, beams=3)
    assert np.mean([one == other for one, other in zip(written, captions, strict=True)]) > 0.9
    assert seeing.caption(pixels, beams=3, batch_size=7) == written
    # With so few words, "enough" hypotheses have ended before the best one has.
    assert seeing.caption(pixels, beams=3, stop="enough") != written


@pytest.mark.parametrize("vector", ["start", "steps", "both"])
def test_it_learns_from_vectors(vector: str) -> None:
    items, captions = vectors(160)
    model = trained(items, captions, vector=vector, vector_size=0 if vector == "both" else 16, max_steps=150)
    assert model.evaluate(*vectors(40, seed=3))["exact"] > 0.9


def test_scores_are_those_of_the_search(seeing: Captioner) -> None:
    pixels, _ = bars(4, seed=5)
    best = seeing.captions(pixels, beams=4, n_best=3, length_penalty=0.0)
    for image, found in zip(pixels, best, strict=True):
        values = [each.log_probability for each in found]
        assert values == sorted(values, reverse=True)
        assert [each.score for each in found] == pytest.approx(values)
        (scores,) = seeing.score(image[None], [[each.text for each in found]])
        assert scores == pytest.approx(values, abs=1e-3)
    assert seeing.captions(pixels[:0]) == []


def test_greedy_sampled_and_limited(seeing: Captioner) -> None:
    pixels, _ = bars(6, seed=6)
    cold = seeing.caption(pixels, sample=True, temperature=0.0)
    assert cold == seeing.caption(pixels, beams=1)
    hot = [seeing.captions(pixels, sample=True, n_best=3, temperature=5.0, seed=seed) for seed in (1, 1, 2)]
    texts = [[each.text for best in found for each in best] for found in hot]
    assert texts[0] == texts[1] != texts[2]
    assert "[UNK]" not in " ".join(texts[0])
    short = [best[0] for best in seeing.captions(pixels, max_length=1)]
    assert all(len(each.tokens) <= 1 for each in short)


def test_attention_is_a_weight_for_each_place(seeing: Captioner) -> None:
    pixels, _ = bars(2, seed=7)
    assert seeing.places() == (1, 3)
    for (best,) in seeing.captions(pixels, attention=True):
        assert best.attention is not None
        assert best.attention.shape == (len(best.tokens), 3)
        torch.testing.assert_close(best.attention.sum(1), torch.ones(len(best.tokens)))
    plain = trained(*bars(20))
    for use in (lambda: plain.captions(pixels, attention=True), plain.places):
        with pytest.raises(ConfigError, match="trained with attention"):
            use()
    with pytest.raises(ConfigError, match="trained with attention"):
        plain.caption(pixels, coverage_penalty=0.5)


def test_every_reference_counts(seeing: Captioner) -> None:
    pixels, captions = bars(12, seed=8)
    written = seeing.caption(pixels, beams=1)
    several = [["nothing like it", text.upper()] for text in written]
    figures = seeing.evaluate(pixels, several)
    assert figures["exact"] == 1.0
    assert figures["bleu"] == pytest.approx(100)
    assert "nrefs:2" in figures["bleu_signature"]
    assert len(seeing.score(pixels, several)[0]) == 2
    assert seeing.evaluate(pixels, [[each, "a b"] for each in captions])["accuracy"] < 1.0


def test_without_sacrebleu_the_other_figures_are_there(seeing: Captioner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.tasks.captioner.setup.has_bleu", lambda: False)
    figures = seeing.evaluate(*bars(6))
    assert set(figures) == {"loss", "perplexity", "accuracy", "exact"}


def test_images_in_files(tmp_path: Path) -> None:
    pixels, captions = bars(24)
    rows = ["image,caption"]
    for number, (image, text) in enumerate(zip(pixels, captions, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
        rows += [f"{number:02}.png,{text}", f"{number:02}.png,{text} now"]
    (tmp_path / "captions.csv").write_text("\n".join(rows) + "\n")
    options = {**OPTIONS, "color": "grey", "held_out": 0.25}
    model = Captioner(**options).fit(tmp_path, folder=tmp_path / "model", progress=False, tune=False)
    assert model.data["train_captions"] == 2 * model.data["train_items"] == 36
    loaded = elman.load(tmp_path / "model")
    files = [tmp_path / "03.png", tmp_path / "05.png"]
    assert loaded.caption(files, beams=2) == model.caption(pixels[[3, 5]], beams=2)
    assert loaded.caption([Image.open(file) for file in files], beams=2) == loaded.caption(files, beams=2)
    assert set(loaded.evaluate(tmp_path)) >= {"bleu", "exact", "loss"}


def test_a_run_with_every_source_of_chance_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, captions = bars(30)
    np.save(tmp_path / "a.npy", pixels)
    (tmp_path / "a.txt").write_text("\n".join(captions) + "\n")
    files = [tmp_path / "a.npy", tmp_path / "a.txt"]
    options = {
        **OPTIONS,
        "attention": "bahdanau",
        "vector": "both",
        "dropout": 0.3,
        "input_dropout": 0.2,
        "vector_dropout": 0.2,
        "ema_decay": 0.9,
        "max_steps": 8,
        "evaluate_every": 3,
    }

    def fit(name: str) -> Captioner:
        return Captioner(**options).fit(files, folder=tmp_path / name, progress=False, tune=False)

    straight = fit("straight")
    loss, calls = CaptionObjective.loss, [0]

    def signalling(self: CaptionObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 5:
            os.kill(os.getpid(), 15)
        return loss(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(CaptionObjective, "loss", signalling)
        with pytest.raises(TrainingInterrupted):
            fit("stopped")
    run = resume_run(tmp_path / "stopped", overrides={}, quiet=True)
    run.run()
    for name, tensor in straight.network.stored().items():
        assert torch.equal(tensor, run.network.stored()[name]), name
    assert run.metrics == straight.metrics


def test_held_out_data_of_its_own_and_longer_captions() -> None:
    pixels, captions = bars(20)
    captions[3] = " ".join(["bar"] * 9)
    model = trained(pixels, captions, max_length=8)
    model.fit(pixels, captions, valid=bars(5, seed=2), test=bars(6, seed=4), progress=False, tune=False)
    assert (model.data["train_items"], model.data["valid_items"], model.data["test_items"]) == (20, 5, 6)
    assert model.data["longer_than_max_length"] == 1
    assert {"valid", "test"} <= set(model.metrics)
    assert all(len(best[0].tokens) <= 8 for best in model.captions(pixels))
    with pytest.raises(ConfigError, match=r"max_length of at most the model's, 8\. Received: 9"):
        model.caption(pixels, max_length=9)


def test_items_that_are_not_those_of_the_training(seeing: Captioner, tmp_path: Path) -> None:
    pixels, captions = bars(3)
    for items, message in (
        (pixels[:, :, :-1], "expected images of 4 x 12 x 1 pixels from 0 to 255.*Received: images of 4 x 11 x 1"),
        (pixels / 255.0, "Received: images of 4 x 12 x 1 pixels as floats"),
        (np.repeat(pixels[..., None], 3, axis=3), "Received: images of 4 x 12 x 3"),
        (pixels.reshape(3, -1), "expected images as an array of shape|expected images of"),
    ):
        with pytest.raises(DataError, match=message):
            seeing.caption(items)
    with pytest.raises(DataError, match="expected a caption for every item"):
        seeing.evaluate(seeing.read(write(tmp_path, pixels)))
    with pytest.raises(DataError, match=r"each of the 3 items in items\. Received: 2"):
        seeing.evaluate(pixels, captions[:2])
    with pytest.raises(DataError, match="expected items and captions"):
        Captioner(**OPTIONS).fit(pixels)
    frames = trained(*vectors(20))
    with pytest.raises(DataError, match=r"expected vectors of 3 numbers, as in training\. Received: vectors of 2"):
        frames.caption(np.ones((1, 2)))
    with pytest.raises(DataError, match="number 2: expected a finite number"):
        frames.caption([[1.0, np.nan, 2.0]])


def write(folder: Path, pixels: np.ndarray) -> Path:
    np.save(folder / "x.npy", pixels)
    return folder / "x.npy"


def test_image_files_are_read_with_the_channels_of_arrays(seeing: Captioner, tmp_path: Path) -> None:
    pixels, _ = bars(2)
    pictures = [Image.fromarray(image) for image in pixels]
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    reported = seeing.caption(pixels)
    assert seeing.caption([tmp_path / "0.png", tmp_path / "1.png"]) == reported
    assert seeing.caption(pictures) == reported
    with pytest.raises(DataError, match=r"expected an array, a list of arrays, or paths\. Received: Image"):
        seeing.caption(pictures[0])
    assert seeing.caption(pixels[:0]) == seeing.caption([]) == []


def test_columns_go_by_their_names(tmp_path: Path) -> None:
    items, captions = vectors(30)
    rows = [",".join(map(str, [*item, text])) for item, text in zip(items, captions, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["p,q,r,caption", *rows]) + "\n")
    (tmp_path / "b.csv").write_text("\n".join(["r,p,q", *(f"{r},{p},{q}" for p, q, r in items)]) + "\n")
    model = Captioner(**OPTIONS).fit(tmp_path / "a.csv", progress=False, tune=False)
    one, other = (model.captions(tmp_path / name, beams=1) for name in ("a.csv", "b.csv"))
    assert [each[0].score for each in one] == [each[0].score for each in other]
    (tmp_path / "c.csv").write_text("p,q,s\n1,2,3\n")
    with pytest.raises(DataError, match=r"as in training, .*missing: 'r'; unknown: 's'"):
        model.caption(tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"beams": 0}, "beams to be at least 1"),
        ({"beams": 2, "n_best": 3}, "n_best of at most beams = 2"),
        ({"beans": 2}, "Did you mean 'beams'"),
        ({"batch_size": 0}, "batch_size of at least 1"),
        ({"sample": True, "top_p": 0.0}, "top_p above 0"),
    ],
)
def test_searches_that_cannot_be(seeing: Captioner, search: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        seeing.caption(bars(2)[0], **search)


def test_a_model_of_another_task_and_options_of_others(seeing: Captioner, tmp_path: Path) -> None:
    seeing.save(tmp_path / "m")
    with pytest.raises(ArtifactError, match="classifier"):
        elman.Classifier.load(tmp_path / "m")
    with pytest.raises(ConfigError, match="loss_from and loss_to for tasks with a target at every step"):
        trained(*bars(8), loss_from=1)
    with pytest.raises(ConfigError, match="data in files"):
        Captioner(**OPTIONS).fit(*bars(8), folder=tmp_path / "x")
    with pytest.raises(DataError, match="at least 2 items"):
        trained(*bars(1))
    params = seeing.get_params()
    assert (params["attention"], params["preset"]) == ("luong", "auto")
    changed = Captioner(**OPTIONS)
    assert changed.set_params(hidden_size=7).config.network.hidden_size == 7
    with pytest.raises(ConfigError):
        changed.set_params(hiden=7)
    assert changed.config.network.hidden_size == 7


class Blocks(nn.Module):
    """A stand-in for a model of torchvision: the mean of each third of an image."""

    def __init__(self, weights: object = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.fc: nn.Module = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).unflatten(3, (3, -1)).mean(dim=(2, 4)).flatten(1))


def test_features_of_a_torchvision_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = ModuleType("torchvision.models")
    models.blocks = Blocks  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    torch.manual_seed(0)
    save_file(Blocks().state_dict(), tmp_path / "w.safetensors")
    pixels, captions = bars(120)
    colours = np.repeat(pixels[..., None], 3, axis=3)
    weights = str(tmp_path / "w.safetensors")
    options = {"image_encoder": "torchvision:blocks", "image_weights": weights, "max_steps": 100, "ema_decay": 0.9}
    model = trained(colours, captions, **options)
    torch.manual_seed(0)
    learnt = model.network.stored()["pretrained.body.conv.weight"]
    assert torch.equal(learnt, Blocks().conv.weight)  # nothing of it was
    assert model.evaluate(colours, captions)["exact"] > 0.5
    model.save(tmp_path / "m")
    (tmp_path / "w.safetensors").unlink()  # the folder has it all
    assert elman.load(tmp_path / "m").caption(colours[:3]) == model.caption(colours[:3])
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ArtifactError, match="expected torchvision"):
        elman.load(tmp_path / "m")


@pytest.mark.parametrize(("attention", "kind"), [("bahdanau", "images"), ("none", "vectors"), ("between", "maps")])
def test_matrix_products_in_16_bits(attention: str, kind: str) -> None:
    items, captions = vectors(24) if kind == "vectors" else bars(24)
    options = {"attention": attention, "layers": 2, "input_feeding": attention != "none"}
    model = Captioner(**OPTIONS | options | {"items": kind, "precision": "bfloat16", "ema_decay": 0.9})
    model.fit(items, captions, progress=False, tune=False)
    assert math.isfinite(model.metrics["valid"]["loss"])
    assert len(model.caption(items[:3])) == 3


@pytest.mark.parametrize("search", [{"beams": 1}, {"beams": 4, "n_best": 3}, {"sample": True, "n_best": 3}], ids=str)
def test_no_caption_is_shorter_than_the_minimum(seeing: Captioner, search: dict[str, Any]) -> None:
    pixels, _ = bars(4, seed=6)
    held = seeing.captions(pixels, min_length=7, **search)
    assert all(len(each.tokens) >= 7 for best in held for each in best)
    assert min(len(each.tokens) for best in seeing.captions(pixels, **search) for each in best) < 7
    with pytest.raises(ConfigError, match=r"min_length of at most max_length = 2\. Received: 3"):
        seeing.captions(pixels, max_length=2, min_length=3, **search)
    with pytest.raises(ConfigError, match=r"min_length of at most the model's max_length, 100\. Received: 101"):
        seeing.captions(pixels, min_length=101, **search)


def test_several_captions_of_an_item_are_different_texts() -> None:
    pixels, captions = bars(20)
    model = trained(pixels, captions, tokens="subwords", vocabulary_size=270, max_steps=1)
    for best in model.captions(pixels[:4], beams=12, n_best=8, max_length=4, length_penalty=0.0):
        texts = [each.text for each in best]
        assert len(set(texts)) == len(texts) > 1
        assert not any("\ufffd" in text for text in texts)
