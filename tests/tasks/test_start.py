"""What a run takes from a trained model: rows by token and label, layers of another task, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import elman
from elman.artifact import read as read_artifact
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.setup import Setup
from elman.tasks.start import open_start, starting_from

TINY: dict[str, Any] = {
    "hidden_size": 5,
    "embedding": 4,
    "max_steps": 2,
    "warmup_steps": 0,
    "threads": 1,
    "precision": "float32",
    "device": "cpu",
    "baseline": False,
}
STILL = {**{name: TINY[name] for name in TINY if name not in ("hidden_size", "embedding")}, "learning_rate": 0.0}
OLD = "the white whale swam in the wide sea and the ship sailed on\n" * 8
NEW = "a small crew, zealous, saw the whale; the sea was calm\n" * 8


def fit(model: Any, *data: Any, **how: Any) -> Any:
    return model.fit(*data, progress=False, tune=False, **how)


def lm(text: str, start: Any = None, **options: Any) -> Any:
    model = elman.LanguageModel(**{**(TINY if start is None else STILL), "batch_size": 2, "bptt": 9, **options})
    return fit(model, string=text, start_from=start)


def words_of(model: Any) -> dict[Any, int]:
    """The id of every token of a language model."""
    return {token: number for number, token in enumerate(model.vocabulary.entries())}


@pytest.mark.parametrize("tokens", ["characters", "words"])
@pytest.mark.parametrize("options", [{}, {"tied": True, "hidden_size": 4}, {"embedding": 0}])
def test_known_tokens_keep_their_weights_whatever_their_new_ids(tokens: str, options: dict[str, Any]) -> None:
    """The network computes with known tokens what it did before: their logits are the same numbers."""
    source = lm(OLD, tokens=tokens, **options)
    begun = lm(NEW, source, batch_size=2)
    before, after = words_of(source), words_of(begun)
    assert set(before) < set(after)
    assert (tokens == "words") == all(before[token] == after[token] for token in before)
    shared = sorted(before, key=str)
    text = torch.tensor([[place[token] for token in shared] for place in (before, after)])
    logits = []
    for model, tokens_T, place in ((source, text[0], before), (begun, text[1], after)):
        network = model.network.eval()
        with torch.no_grad():
            found, _ = network(tokens_T[None], None, network.initial_state(1))
        logits.append(found[0][:, [place[token] for token in shared]])
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-6, atol=1e-6)
    assert begun.config.text.tokens == tokens
    assert begun.config.network.bptt == 9


def test_the_vocabulary_can_be_kept() -> None:
    source = lm(OLD)
    begun = lm(NEW, source, start_vocabulary="keep")
    assert begun.vocabulary.to_json() == source.vocabulary.to_json()
    assert torch.equal(begun.network.stored()["embed.weight"], source.network.stored()["embed.weight"])


def test_subwords_are_never_extended() -> None:
    source = lm(OLD, tokens="subwords", vocabulary_size=300)
    assert lm(NEW, source).vocabulary.fingerprint() == source.vocabulary.fingerprint()


def test_the_average_is_what_is_taken(tmp_path: Path) -> None:
    """Weights are those that are stored: with an average, not the last ones of the optimiser."""
    source = lm(OLD, ema_decay=0.5, learning_rate=0.1)
    source.save(tmp_path / "source")
    begun = lm(OLD, tmp_path / "source")
    stored = elman.load(tmp_path / "source").network.stored()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in begun.network.stored().items())


def test_untied_weights_are_the_table_of_a_tied_source_but_not_the_other_way_round() -> None:
    tied = lm(OLD, tied=True, hidden_size=4)
    begun = lm(OLD, tied, tied=False).network
    assert torch.equal(begun.head.weight, begun.embed.weight)
    assert begun.head.weight is not begun.embed.weight
    with pytest.raises(ConfigError, match=r"tied=True \(there False\)\. Received: head.weight tied to another tensor"):
        lm(OLD, lm(OLD, hidden_size=4), tied=True)


REVIEWS = [f"{word} {noun}" for word in ("good", "bad", "dull", "warm") for noun in ("film", "plot", "cast")]
LABELS = ["pos", "neg", "neg", "pos"]


def reviews(*labels: str) -> tuple[list[str], list[str]]:
    return REVIEWS, [label for label in labels for _ in range(3)]


def classifier(data: Any, start: Any = None, **options: Any) -> Any:
    model = elman.Classifier(**{**(TINY if start is None else STILL), "split": (1.0, 0.0, 0.0), **options})
    return fit(model, *data, start_from=start)


def output_row(model: Any, label: str) -> Tensor:
    head = model.network.head
    place = list(model.classes_).index(label)
    return torch.cat([head.weight[place], head.bias[place : place + 1]]).detach()


def test_labels_are_added_or_replaced() -> None:
    source = classifier(reviews("pos", "neg", "neg", "pos"))
    more = classifier(reviews("pos", "neg", "awful", "pos"), source)
    assert list(more.classes_) == ["neg", "pos", "awful"]
    for label in ("neg", "pos"):
        assert torch.equal(output_row(more, label), output_row(source, label))
    part = classifier(reviews("pos", "awful", "awful", "pos"), source, start_labels="replace")
    assert list(part.classes_) == ["awful", "pos"]
    assert torch.equal(output_row(part, "pos"), output_row(source, "pos"))
    others = classifier(reviews("one", "two", "two", "one"), source)
    assert list(others.classes_) == ["one", "two"]
    all_of_them = classifier(reviews("one", "two", "two", "one"), source, start_labels="extend")
    assert list(all_of_them.classes_) == ["neg", "pos", "one", "two"]
    with pytest.raises(ConfigError, match="same type and notation"):
        classifier((REVIEWS, [1, 2] * 6), source, start_labels="extend")


def test_a_bag_is_always_learnt_from_its_own_data() -> None:
    source = classifier(reviews(*LABELS), bag=1)
    texts, labels = reviews(*LABELS)
    begun = classifier(([f"{text} again" for text in texts], labels), source)
    alone = classifier(([f"{text} again" for text in texts], labels), bag=1)
    assert begun.network.bag.weight.shape == alone.network.bag.weight.shape != source.network.bag.weight.shape
    assert classifier(reviews(*LABELS), source, bag=0).network.bag is None


def test_a_classifier_reads_with_the_layers_of_a_language_model() -> None:
    source = lm(OLD, tokens="words", layers=2)
    texts = ["the white whale", "a zealous crew", "the wide sea", "a calm crew"]
    begun = classifier((texts, ["sea", "men", "sea", "men"]), source)
    assert begun.config.network.bidirectional is False
    assert (begun.config.network.layers, begun.config.network.cell) == (2, "lstm")
    known = begun.vocabulary.encoder.vocabulary
    assert set(source.vocabulary.words) < set(known.words)
    ids = [torch.from_numpy(vocabulary.encode("the white whale"))[None] for vocabulary in (source.vocabulary, known)]
    outputs = [
        model.network.stack(model.network.embed(tokens_BT))[0]
        for model, tokens_BT in zip((source, begun), ids, strict=True)
    ]
    assert torch.equal(*outputs)
    assert begun.training["start"]["task"] == "language-model"
    rows = {row["part"]: row for row in begun.training["start"]["parts"]}
    assert rows["layer 2"]["new"] == 0
    assert rows["head"]["taken"] == 0
    assert begun.training["start"]["left"] == sum(each.numel() for each in source.network.head.parameters())


def test_a_tagger_reads_words_with_the_layers_of_a_language_model() -> None:
    source = lm(OLD, tokens="words", lowercase=True)
    sentences, tags = [["The", "whale", "swam"], ["crew", "saw"]] * 6, [["D", "N", "V"], ["N", "V"]] * 6
    begun = fit(elman.Tagger(**STILL, ema_decay=0.0), sentences, tags, start_from=source)
    ids = torch.tensor([begun.vocabulary.word_ids(["The", "whale", "swam", "unheard"])])
    there = torch.from_numpy(source.vocabulary.encode("The whale swam unheard"))[None]
    assert torch.equal(begun.network.embed(ids), source.network.embed(there))
    assert begun.network.letters is None
    with pytest.raises(ConfigError, match=r"language model of words.*Received: LanguageModel with characters"):
        fit(elman.Tagger(**STILL), sentences, tags, start_from=lm(OLD))
    with pytest.raises(ConfigError, match=r"char_embedding=8 \(there 0\)"):
        fit(elman.Tagger(**STILL, char_embedding=8), sentences, tags, start_from=source)


def test_transitions_of_known_tags_are_taken() -> None:
    sentences = [["a", "whale", "swam"], ["crew", "saw"]] * 6
    first, more = [["D", "N", "V"], ["N", "V"]] * 6, [["A", "N", "V"], ["N", "V"]] * 6
    options = {**TINY, "head": "crf", "layers": 1, "learning_rate": 0.1}
    source = fit(elman.Tagger(**options), sentences, first)
    begun = fit(elman.Tagger(**STILL), sentences, more, start_from=source)
    old, new = source.vocabulary.tags, begun.vocabulary.tags
    assert set(new) == {"A", "D", "N", "V"}
    for a in old:
        for b in old:
            there = source.network.crf.transitions[old.index(a), old.index(b)]
            assert begun.network.crf.transitions[new.index(a), new.index(b)] == there != 0.0
    assert fit(elman.Tagger(**STILL, head="softmax"), sentences, first, start_from=source).network.crf is None


PAIRS = (
    ["die katze rennt", "der hund schläft", "die kuh rennt"] * 4,
    ["the cat runs", "the dog sleeps", "the cow runs"] * 4,
)
MORE = (["eine katze bellt", "der hund rennt"] * 5, ["a cat barks", "the dog runs"] * 5)


@pytest.mark.parametrize("options", [{}, {"tied": "all", "shared": True}, {"tied": "none"}])
def test_a_translator_scores_known_words_as_its_source(options: dict[str, Any]) -> None:
    """Log-probabilities differ by the normaliser over more tokens alone, so ratios of known words are the same."""
    words = {**TINY, "tokens": "words", "min_count": 1, "ema_decay": 0.0}
    source = fit(elman.Translator(**words, **options), *PAIRS)
    begun = fit(elman.Translator(**STILL, ema_decay=0.0), *MORE, start_from=source)
    assert begun.vocabulary.shared == source.vocabulary.shared
    logits = []
    for model in (source, begun):
        vocabulary, network = model.vocabulary, model.network.eval()
        target = [vocabulary.bos_id, *vocabulary.encode_targets(["the cat"])[0].tolist()]
        tokens_BS = torch.from_numpy(vocabulary.encode_sources(["die kuh rennt"])[0])[None]
        with torch.no_grad():
            found = network(tokens_BS, torch.tensor([tokens_BS.shape[1]]), torch.tensor([target]))
        entries = vocabulary.target.entries()
        logits.append(found[0][:, [entries.index(entry) for entry in source.vocabulary.target.entries()]])
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-5, atol=1e-5)


def test_word_vectors_and_a_start_exclude_each_other() -> None:
    source = fit(elman.Translator(**{**TINY, "tokens": "words", "min_count": 1}), *PAIRS)
    with pytest.raises(ConfigError, match=r"expected no source_vectors with the model.*Received: source_vectors=x.txt"):
        fit(elman.Translator(**STILL, source_vectors="x.txt"), *PAIRS, start_from=source)


def test_an_encoder_can_be_a_language_model() -> None:
    source = lm("die katze rennt und der hund schläft\n" * 8, tokens="words", cell="gru")
    begun = fit(elman.Translator(**STILL, hidden_size=6, min_count=1), *PAIRS, start_from=source)
    assert torch.equal(
        begun.network.encoder.layers[0][0].cell.weight_hh, source.network.stack.layers[0][0].cell.weight_hh
    )
    back = classifier((["die katze rennt", "der hund schläft"] * 4, ["a", "b"] * 4), begun)
    assert torch.equal(
        back.network.stack.layers[0][0].cell.weight_hh, begun.network.encoder.layers[0][0].cell.weight_hh
    )
    lowered = fit(elman.Translator(**TINY, tokens="words", min_count=1, lowercase=True), *PAIRS)
    with pytest.raises(ConfigError, match="keeps the case of its sources"):
        classifier(reviews(*LABELS), lowered)


def test_sources_are_reversed_as_those_of_the_source() -> None:
    source = fit(elman.Translator(**TINY, tokens="words", min_count=1, reverse_source=True), *PAIRS)
    begun = fit(elman.Translator(**STILL), *PAIRS, start_from=source)
    assert begun.config.data.reverse_source
    scores = [model.score(*PAIRS)[0].log_probs for model in (source, begun)]
    assert scores[0] == pytest.approx(scores[1])
    with pytest.raises(ConfigError, match=r"expected reverse_source=true.*Received: reverse_source=false"):
        fit(elman.Translator(**STILL, reverse_source=False), *PAIRS, start_from=source)
    with pytest.raises(ConfigError, match="reads its sources from their beginning"):
        classifier((["die katze rennt", "der hund schläft"] * 4, ["a", "b"] * 4), source)


def test_images_are_read_in_the_direction_of_the_source() -> None:
    pictures, options = np.random.default_rng(0).random((12, 4, 4), np.float32), {**TINY, "embedding": None}
    source = fit(elman.Classifier(**options, images="columns"), pictures, [0, 1] * 6)
    assert fit(elman.Classifier(**STILL), pictures, [0, 1] * 6, start_from=source).config.data.images == "columns"
    with pytest.raises(ConfigError, match=r"expected images=columns, as in the model.*Received: images=rows"):
        fit(elman.Classifier(**STILL, images="rows"), pictures, [0, 1] * 6, start_from=source)


def test_members_start_from_the_members_of_the_same_number() -> None:
    source = lm(OLD, members=2)
    begun = lm(NEW, source)
    assert begun.config.network.members == 2
    place, there = words_of(begun), words_of(source)
    for own, other in zip(begun.network.members, source.network.members, strict=True):
        for token in there:
            assert torch.equal(own.embed.weight[place[token]], other.embed.weight[there[token]])
    assert not torch.equal(source.network.members[0].embed.weight, source.network.members[1].embed.weight)
    with pytest.raises(ConfigError, match=r"members=1 \(there 2\)"):
        lm(NEW, source, members=1)
    with pytest.raises(ConfigError, match=r"members=2 \(there 1\)"):
        lm(NEW, lm(OLD), members=2)


def test_members_of_another_task_share_the_layers_of_one_model() -> None:
    source = lm(OLD, tokens="words")
    texts = ["the white whale", "a zealous crew", "the wide sea", "a calm crew"]
    begun = classifier((texts, ["sea", "men", "sea", "men"]), source, members=2)
    first, second = begun.network.members
    assert torch.equal(first.stack.layers[0][0].cell.weight_hh, source.network.stack.layers[0][0].cell.weight_hh)
    assert torch.equal(first.stack.layers[0][0].cell.weight_hh, second.stack.layers[0][0].cell.weight_hh)
    assert not torch.equal(first.head.weight, second.head.weight)
    assert begun.training["start"]["left"] == sum(each.numel() for each in source.network.head.parameters())


def test_scales_of_inputs_are_those_of_the_source_unless_told_otherwise() -> None:
    draw = np.random.default_rng(0)
    series, labels = draw.normal(5.0, 2.0, (12, 8)), ["a", "b"] * 6
    source = classifier((series, labels), standardise="channels")
    for how, expected in (("auto", 5.0), ("data", 50.0)):
        begun = classifier((series * 10, labels), source, start_scales=how)
        assert begun.vocabulary.encoder.mean_I[0] == pytest.approx(expected, rel=0.1)
    frames = [each[:, None] for each in series]
    tagger = fit(elman.Tagger(**{**TINY, "layers": 1}), frames, [["a", "b"] * 4] * 12)
    for how, expected in (("source", 5.0), ("data", 50.0)):
        begun = fit(
            elman.Tagger(**STILL, ema_decay=0.0, start_scales=how),
            [10 * each for each in frames],
            [["a", "b"] * 4] * 12,
            start_from=tagger,
        )
        assert float(begun.network.mean_I[0]) == pytest.approx(expected, rel=0.1)
    with pytest.raises(DataError, match=r"expected series, as the model .* Received: texts"):
        classifier(reviews(*LABELS), source)


def test_a_forecaster_fits_its_transforms_to_new_series() -> None:
    steps = np.arange(60.0)
    options = {**{name: value for name, value in TINY.items() if name != "embedding"}, "context": 8, "horizon": 2}
    still = {**STILL, "valid_steps": 4}
    source = fit(elman.Forecaster(**options), 10 + np.sin(steps))
    begun = fit(elman.Forecaster(**still), 1000 + 50 * np.sin(steps), start_from=source)
    assert begun.vocabulary.transforms[0].offset[0] == pytest.approx(1000, rel=0.1)
    assert all(torch.equal(tensor, source.network.stored()[name]) for name, tensor in begun.network.stored().items())
    kept = fit(elman.Forecaster(**still, start_scales="source"), 1000 + 50 * np.sin(steps), start_from=source)
    assert kept.vocabulary.transforms[0].offset[0] == source.vocabulary.transforms[0].offset[0]


def test_options_of_a_start_need_one() -> None:
    with pytest.raises(ConfigError, match=r"--from MODEL.*Received: start_vocabulary=keep without one"):
        lm(OLD, start_vocabulary="keep")
    with pytest.raises(ConfigError, match=r"Received: start_labels=replace, start_scales=data without one"):
        classifier(reviews("pos", "neg", "neg", "pos"), start_labels="replace", start_scales="data")


def test_a_backtest_of_a_started_model_trains_a_new_one_from_nothing() -> None:
    options = {**{name: value for name, value in TINY.items() if name != "embedding"}, "context": 8, "horizon": 2}
    values = 10 + np.sin(np.arange(60.0))
    source = fit(elman.Forecaster(**options), values)
    begun = fit(elman.Forecaster(**{**STILL, "start_scales": "source"}), values, start_from=source)
    assert begun.backtest(values, horizon=2, origins=2).scores["network"]["mae"] > 0


def test_what_does_not_fit_is_named_with_its_option(tmp_path: Path) -> None:
    source = lm(OLD)
    source.save(tmp_path / "source")
    with pytest.raises(ConfigError) as raised:
        lm(NEW, tmp_path / "source", hidden_size=7)
    assert "hidden_size=7 (there 5)" in str(raised.value)
    assert "Received: stack.layers.0.0.cell.weight_ih (28, 4) (there (20, 4))" in str(raised.value)
    with pytest.raises(ConfigError, match=r"cell=gru-reset-before \(there gru\)\. Received: the same shapes"):
        lm(NEW, lm(OLD, cell="gru"), cell="gru-reset-before")
    with pytest.raises(ConfigError, match=r"layers=2 \(there 1\)\. Received: stack.layers.1.*\(there none\)"):
        lm(NEW, source, layers=2)
    with pytest.raises(ConfigError, match=r"layers=1 \(there 2\)\. Received: stack.layers.1.* none \(there \("):
        lm(NEW, lm(OLD, layers=2), layers=1)
    with pytest.raises(ConfigError, match=r"expected tokens=characters, as in the model .* Received: tokens=words"):
        lm(NEW, source, tokens="words")
    with pytest.raises(ConfigError, match=r"expected lowercase=true, as in .* Received: lowercase=false"):
        lm(NEW, lm(OLD, lowercase=True), lowercase=False)
    with pytest.raises(
        ConfigError, match=r"expected a forecaster to start a forecaster from\. Received: LanguageModel"
    ):
        fit(elman.Forecaster(), np.arange(50.0), start_from=source)
    with pytest.raises(ConfigError, match=r"bidirectional=True \(there False\)"):
        classifier(reviews(*LABELS), source, tokens="characters", bidirectional=True)
    with pytest.raises(ConfigError, match="expected a model that is trained"):
        lm(NEW, elman.LanguageModel())
    with pytest.raises(ConfigError, match=r"expected a model to start from.* Received: int"):
        lm(NEW, 3)
    (tmp_path / "source" / "weights.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"incomplete: expected weights.safetensors"):
        lm(NEW, tmp_path / "source")


def test_a_refused_start_leaves_the_model_as_it_was() -> None:
    model = elman.LanguageModel(**{**TINY, "hidden_size": 9})
    before = model.config
    with pytest.raises(ConfigError):
        fit(model, string=NEW, start_from=lm(OLD))
    assert model.config == before
    fit(model, string=NEW)
    assert model.config.network.hidden_size == 9
    assert "start" not in model.training


def test_a_model_can_start_from_itself() -> None:
    model = classifier(reviews(*LABELS))
    before = {name: tensor.clone() for name, tensor in model.network.stored().items()}
    model.set_params(learning_rate=0.0)
    fit(model, *reviews(*LABELS), start_from=model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.stored().items())


def test_the_folder_says_what_was_taken(tmp_path: Path) -> None:
    source = lm(OLD)
    source.save(tmp_path / "source")
    (tmp_path / "new.txt").write_text(NEW)
    fit(elman.LanguageModel(**STILL), tmp_path / "new.txt", folder=tmp_path / "m", start_from=tmp_path / "source")
    record = read_artifact(tmp_path / "m").training["start"]
    described = json.loads((tmp_path / "source" / "elman.json").read_text())
    assert record["weights_digest"] == described["weights_digest"]
    assert record["model"] == str(tmp_path / "source")
    assert {row["part"] for row in record["parts"]} == {"embedding", "layer 1", "head"}
    card = (tmp_path / "m" / "README.md").read_text()
    assert described["weights_digest"] in card
    assert "`start.model`" in card
    assert str(tmp_path) not in card


def test_a_task_without_words_on_it_keeps_the_vocabulary() -> None:
    """`Setup` alone keeps the vocabulary, so that no row of a tensor gets another meaning."""
    source = open_start(lm(OLD), elman.LanguageModel.setup_class)
    assert Setup.vocabulary_from_start(object(), object(), source) is source.vocabulary  # type: ignore[arg-type]
    assert Setup.entries_of(source.config, source.vocabulary) == {}


def test_a_start_holds_within_its_block_only(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(NEW)
    setup_class = elman.LanguageModel.setup_class
    config = setup_class.config_class.make("base", TINY)
    with starting_from(open_start(lm(OLD), setup_class)):
        assert setup_class.open(config, Sources([tmp_path / "new.txt"])).started is not None
    assert setup_class.open(config, Sources([tmp_path / "new.txt"])).started is None
