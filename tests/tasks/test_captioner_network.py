"""The captioner's network and its loss: every way of use, padding, all steps at once or one by one, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elman.data.captioned import CaptionDataConfig, captioned_from
from elman.data.captioned.config import CaptionTextConfig
from elman.data.captioned.encoded import EncodedCaptions
from elman.data.captioned.vocabulary import CaptionerVocabulary, ItemSpec
from elman.data.vocabulary import END_ID
from elman.errors import ArtifactError, ConfigError, DataError
from elman.state import IGNORE_INDEX
from elman.tasks.captioner.config import CaptionerConfig
from elman.tasks.captioner.network import CaptionerNetwork
from elman.tasks.captioner.setup import CaptionObjective, log_probabilities

from .small_captioners import OPTIONS, bars

IMAGE = ItemSpec("images", (4, 12, 1), whole=True)
DRAW = torch.Generator().manual_seed(0)
ITEMS = {
    "images": (IMAGE, torch.randint(0, 255, (3, 4, 12, 1), dtype=torch.uint8, generator=DRAW)),
    "floats": (ItemSpec("images", (4, 12, 2)), torch.randn(3, 4, 12, 2, generator=DRAW)),
    "vectors": (ItemSpec("vectors", (5,)), torch.randn(3, 5, generator=DRAW)),
    "maps": (ItemSpec("maps", (6, 5)), torch.randn(3, 6, 5, generator=DRAW)),
    "grids": (ItemSpec("maps", (2, 3, 5)), torch.randn(3, 2, 3, 5, generator=DRAW)),
}
WAYS = [("none", "start"), ("none", "steps"), ("none", "both"), ("luong", "start"), ("luong", "steps")]
WAYS += [("bahdanau", "both"), ("between", "start")]


def config(**options: Any) -> CaptionerConfig:
    return CaptionerConfig.make("base", {**OPTIONS, **options})


def network(item: ItemSpec, **options: Any) -> CaptionerNetwork:
    torch.manual_seed(1)
    return CaptionerNetwork(item, 7, config(**options).network).eval()


@pytest.mark.parametrize("kind", list(ITEMS))
@pytest.mark.parametrize(("attention", "vector"), WAYS)
def test_all_at_once_is_step_by_step(kind: str, attention: str, vector: str) -> None:
    if kind == "vectors" and attention != "none":
        return
    item, items = ITEMS[kind]
    made = network(item, attention=attention, vector=vector, layers=2, tied=vector == "both")
    tokens_BT = torch.tensor([[7, 2, 3, 4], [7, 5, 1, 1], [7, 6, 6, 2]])
    with torch.no_grad():
        at_once = made.logits(made(items, tokens_BT))
        state, memory = made.encode(items)
        for t in range(4):
            scored = made.advance(tokens_BT[:, t : t + 1], state, memory)
            state = scored.state
            torch.testing.assert_close(scored.logits_BKV[:, 0], at_once[:, t], atol=1e-5, rtol=1e-4)
            if attention == "none":
                assert scored.weights_BKS is None
            else:
                torch.testing.assert_close(scored.weights_BKS.sum(-1), torch.ones(3, 1))  # type: ignore[union-attr]
        alone = made.logits(made(items[1:2], tokens_BT[1:2]))
        torch.testing.assert_close(alone, at_once[1:2], atol=1e-5, rtol=1e-4)
    assert at_once.shape == (3, 4, 7)


@pytest.mark.parametrize("vector", ["start", "steps", "both"])
def test_the_item_matters_and_every_weight_learns(vector: str) -> None:
    item, items = ITEMS["images"]
    for attention in ("none", "bahdanau"):
        made = network(item, attention=attention, vector=vector)
        tokens_BT = torch.tensor([[7, 2]] * 3)
        logits = made.logits(made(items, tokens_BT))
        assert not torch.allclose(logits[0, 0], logits[1, 0])
        logits.square().sum().backward()
        without = [name for name, weight in made.named_parameters() if weight.grad is None or not weight.grad.any()]
        assert not without, without


def test_where_a_place_stands_matters_to_attention() -> None:
    """Without the position embedding, attention would not distinguish the places of the map."""
    item, items = ITEMS["maps"]
    made = network(item, attention="luong", vector="steps", attention_score="dot", hidden_size=5)
    with torch.no_grad():
        made.to_vector.weight.zero_()  # type: ignore[union-attr]
        tokens_BT, turned = torch.tensor([[7, 2]] * 3), items.flip(1)
        assert not torch.allclose(made(items, tokens_BT), made(turned, tokens_BT))
        made.place_SF.zero_()
        torch.testing.assert_close(made(items, tokens_BT), made(turned, tokens_BT))


@pytest.mark.parametrize("kind", ["images", "floats", "vectors", "grids"])
def test_numbers_are_standardised_by_the_training_data(kind: str) -> None:
    item, items = ITEMS[kind]
    made = network(item)
    made.standardise(items.numpy())
    values = items.double().reshape(-1, items.shape[-1]) / (255 if item.whole else 1)
    torch.testing.assert_close(made.mean_C.double(), values.mean(0), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(made.deviation_C.double(), values.std(0, correction=0), atol=1e-6, rtol=1e-5)
    made.standardise(np.full_like(items.numpy(), 3))
    assert made.deviation_C.tolist() == [1.0] * items.shape[-1]


def data_of(captions: list[Any], **options: Any) -> tuple[EncodedCaptions, CaptionerVocabulary]:
    pixels, _ = bars(len(captions))
    data = captioned_from(pixels, captions, CaptionDataConfig())
    vocabulary = CaptionerVocabulary.learn(data, CaptionTextConfig(**options))
    return EncodedCaptions(data, vocabulary), vocabulary


def test_batches_begin_with_go_and_end_with_the_end() -> None:
    data, vocabulary = data_of(["a b c", ["b", "c a"]])
    assert len(data) == 3
    assert data.owners.tolist() == [0, 1, 1]
    batch = data.batch(np.array([0, 1]))
    a, b, c = (vocabulary.text.encode(word)[0] for word in "abc")
    assert batch.inputs_BT.tokens_BT.tolist() == [
        [vocabulary.bos_id, a, b, c],
        [vocabulary.bos_id, b] + [vocabulary.bos_id] * 2,
    ]
    assert batch.targets_BT.tolist() == [[a, b, c, END_ID], [b, END_ID, IGNORE_INDEX, IGNORE_INDEX]]
    assert batch.lengths_B is not None
    assert batch.lengths_B.tolist() == [4, 2]
    for row, owner in enumerate((0, 1, 1)):
        (item,) = data.batch(np.array([row])).inputs_BT.items.numpy()
        assert np.array_equal(item, data.data.items[owner])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_that_of_the_real_tokens(smoothing: float) -> None:
    data, vocabulary = data_of(["a b c", "b", "c a"])
    made = CaptionerNetwork(vocabulary.item, vocabulary.text.size, config(label_smoothing=smoothing).network).eval()
    objective = CaptionObjective(made, vocabulary, data, 10)
    batch = data.batch(np.arange(3))
    with torch.no_grad():
        total, count, state = objective.loss(batch, ())
        expected = 0.0
        plain = []
        for row in range(3):
            alone = data.batch(np.array([row]))
            logits = made.logits(made(*alone.inputs_BT))[0]
            expected += float(F.cross_entropy(logits, alone.targets_BT[0], reduction="sum", label_smoothing=smoothing))
            chosen = torch.log_softmax(logits, dim=-1).gather(1, alone.targets_BT[0][:, None])
            plain.append(float(chosen.sum()))
    assert (count, state) == (9, ())
    assert float(total) == pytest.approx(expected, rel=1e-5)
    # An evaluation smooths nothing.
    assert objective.evaluate()["loss"] == pytest.approx(-sum(plain) / 9, rel=1e-5)
    assert log_probabilities(made, data) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_training_scores_and_differentiates_as_the_scores_of_a_search_do(tied: bool) -> None:
    _, vocabulary = data_of(["a b c", "b", "c a"])
    made = CaptionerNetwork(vocabulary.item, vocabulary.text.size, config(tied=tied, label_smoothing=0.2).network)
    targets_N = torch.tensor([0, 2, 1, 2])
    r_NR = torch.randn(4, made.embed.weight.shape[1] if tied else made.config.hidden_size, requires_grad=True)
    reported = [r_NR, made.head_bias_V, made.embed.weight if made.head is None else made.head.weight]
    given = torch.autograd.grad(made.nats(r_NR, targets_N), reported)
    expected = torch.autograd.grad(
        F.cross_entropy(made.logits(r_NR), targets_N, reduction="sum", label_smoothing=0.2), reported
    )
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_captions_that_are_too_long_are_left_out_and_counted() -> None:
    pixels, _ = bars(3)
    data = captioned_from(pixels, ["a b c", ["b", "c a b c"], "c a"], CaptionDataConfig())
    vocabulary = CaptionerVocabulary.learn(data, CaptionTextConfig())
    encoded = EncodedCaptions(data, vocabulary, longest=2)
    assert encoded.longer == 2
    assert encoded.owners.tolist() == [1, 2]
    with pytest.raises(DataError, match=r"at most 1 tokens \(max_length\)"):
        EncodedCaptions(data.take([0]), vocabulary, longest=1)


@pytest.mark.parametrize(
    ("tokens", "text"), [("words", "a dog, here"), ("characters", "a dog, here"), ("subwords", "a dog, here")]
)
def test_every_kind_of_token_gives_its_text_back(tokens: str, text: str) -> None:
    _, vocabulary = data_of([text, "the cat"], tokens=tokens)
    assert vocabulary.plain([text]) == [text]
    again = CaptionerVocabulary.from_json(vocabulary.to_json())
    assert again.item == vocabulary.item
    assert again.text.encode(text).tolist() == vocabulary.text.encode(text).tolist()
    assert vocabulary.lowercase == (tokens != "subwords")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("vectors", {"attention": "luong"}, r"maps for attention=luong\. Received: vectors of 5 numbers"),
        ("images", {"vector_size": 0}, "vector_size of at least 1 for images"),
        ("images", {"image_encoder": "resnet18"}, "torchvision:NAME"),
        ("vectors", {"image_encoder": "torchvision:resnet18"}, "expected images for image_encoder"),
        ("images", {"image_weights": "w.safetensors"}, "expected image_encoder with image_weights"),
        ("images", {"channels": ()}, "channels to have at least one number"),
        ("images", {"image_encoder": "torchvision:r", "attention": "luong"}, "which has no map"),
        ("images", {"input_feeding": True}, "expected attention with input feeding"),
        ("images", {"attention": "between", "layers": 1}, "at least 2 layers"),
        ("images", {"vector_dropout": 1.0}, "vector_dropout"),
        ("images", {"input_dropout": 1.5}, "input_dropout"),
    ],
)
def test_options_that_do_not_go_together(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        network(ITEMS[kind][0], **options)


def test_a_vocabulary_of_another_shape_is_refused() -> None:
    _, vocabulary = data_of(["a", "b"])
    good = vocabulary.to_json()
    for item in (
        {"kind": "sounds"},
        {"shape": [4, 12]},
        {"shape": [4, 12, 0]},
        {"shape": [1 << 20] * 3},
        {"names": ["p"]},
        {"kind": "maps", "whole": True},
    ):
        with pytest.raises(ArtifactError):
            CaptionerVocabulary.from_json({**good, "item": {**good["item"], **item}})
    with pytest.raises(ArtifactError, match="expected a captioner"):
        CaptionerVocabulary.from_json({**good, "kind": "tagger"})
