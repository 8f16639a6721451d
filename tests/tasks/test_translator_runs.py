"""What a translator's run trains: its loss, scheduled sampling, given vectors, what is left out, and the options."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch

from elman.data.pairs import pairs_from
from elman.data.pairs.parts import make_parts
from elman.errors import ConfigError, DataError, EncodingError
from elman.state import IGNORE_INDEX
from elman.tasks.run import Run
from elman.tasks.translator.config import TranslatorConfig
from elman.tasks.translator.setup import TranslatorSetup

from .small_translators import PAIRS, SOURCES, TARGETS, TINY, tiny, trained


def setup_of(**options) -> TranslatorSetup:
    config = TranslatorConfig.make("base", {**TINY, **options})
    valid = pairs_from(SOURCES[:6], TARGETS[:6]) if config.data.held_out else None
    return TranslatorSetup(config, make_parts(pairs_from(SOURCES, TARGETS), config.data, 0, valid=valid))


def test_the_loss_counts_every_token_of_the_targets_once_and_no_padding():
    setup = setup_of(label_smoothing=0.0)
    setup.network.eval()
    batch = setup.stream().next_batch()
    total, count, state = setup.objective().loss(batch, ())
    assert state == ()
    assert count == int((batch.targets_BT != IGNORE_INDEX).sum()) == int(batch.lengths_B.sum())
    alone = 0.0
    for row, length in enumerate(batch.lengths_B.tolist()):
        inputs = batch.inputs_BT
        sources_BS = inputs.sources_BS[row : row + 1, : inputs.source_lengths_B[row]]
        logits_BTV = setup.network(
            sources_BS, inputs.source_lengths_B[row : row + 1], inputs.targets_in_BT[row : row + 1]
        )
        log_probs_TV = torch.log_softmax(logits_BTV[0, :length], dim=1)
        alone -= float(log_probs_TV[range(length), batch.targets_BT[row, :length]].detach().sum())
    assert total.item() == pytest.approx(alone, rel=1e-5)


def test_the_loss_has_smoothed_labels():
    setup = setup_of(label_smoothing=0.3)
    setup.network.eval()
    batch = setup.stream().next_batch()
    logits_BTV, targets_BT = setup.network(*batch.inputs_BT), batch.targets_BT
    expected = torch.nn.functional.cross_entropy(
        logits_BTV.flatten(0, 1), targets_BT.flatten(), ignore_index=IGNORE_INDEX, label_smoothing=0.3, reduction="sum"
    )
    assert setup.objective().loss(batch, ())[0].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("attention", ["luong", "bahdanau", "between", "none"])
def test_scheduled_sampling_reads_the_networks_own_tokens(attention):
    setup = setup_of(attention=attention, layers=2)
    network = setup.network.eval()
    inputs = setup.stream().next_batch().inputs_BT
    torch.testing.assert_close(network.read_sampled(*inputs, 0.0), network.read(*inputs))
    own_BT = inputs.targets_in_BT.clone()
    for t in range(1, own_BT.shape[1]):
        own_BT[:, t] = network(*inputs[:2], own_BT)[:, t - 1].argmax(dim=-1)
    torch.testing.assert_close(network.read_sampled(*inputs, 1.0), network.read(*inputs[:2], own_BT))


def test_scheduled_sampling_rises_over_the_run(monkeypatch):
    setup = setup_of(scheduled_sampling=0.8, max_steps=5)
    rates = []
    real = setup.network.read_sampled
    monkeypatch.setattr(setup.network, "read_sampled", lambda *inputs: rates.append(inputs[-1]) or real(*inputs))
    Run(setup, folder=None, command="", watch=setup.watch(quiet=True)).run()
    assert rates == pytest.approx([0.16, 0.32, 0.48, 0.64])  # of five steps the first has a rate of 0


def test_what_an_evaluation_tells():
    setup = setup_of(translate_valid=3)
    setup.network.eval()
    figures = setup.objective().evaluate()
    assert set(figures) == {"loss", "perplexity", "accuracy", "tokens", "bleu", "chrf", "exact", "selection"}
    assert figures["selection"] == figures["loss"]
    assert set(setup_of(translate_valid=0).objective().evaluate()) == {
        "loss",
        "perplexity",
        "accuracy",
        "tokens",
        "selection",
    }
    few = setup.objective().evaluate(limit=8)
    assert 0 < few["tokens"] < figures["tokens"]


def test_a_model_in_lower_case_is_measured_in_lower_case():
    pairs = pairs_from(SOURCES, [target.title() for target in TARGETS])
    figures = []
    for targets in (pairs, pairs_from(SOURCES, TARGETS)):
        config = TranslatorConfig.make("base", {**TINY, "lowercase": True})
        setup = TranslatorSetup(config, make_parts(targets, config.data, 0, valid=targets))
        objective = setup.objective()
        objective.translate = lambda texts: list(TARGETS)
        setup.network.eval()
        figures.append(objective.evaluate())
    assert figures[0] == figures[1]
    assert figures[0]["exact"] == 1.0


@pytest.mark.parametrize("best_by", ["bleu", "chrf", "exact"])
def test_the_weights_that_are_kept_are_the_best_by_a_figure(best_by):
    setup = setup_of(best_by=best_by)
    setup.network.eval()
    figures = setup.objective().evaluate()
    assert figures["selection"] == pytest.approx(-figures[best_by], abs=1e-6)
    assert figures["selection"] > -figures[best_by]  # among equals the loss decides


def test_every_pair_is_seen_and_too_long_ones_are_left_out():
    setup = setup_of(max_source=3, held_out=0.0)
    short = sum(len(source.split()) <= 3 for source in SOURCES)
    assert setup.data["train_too_long"] == len(SOURCES) - short
    count, share = len(SOURCES) - short, (len(SOURCES) - short) / len(SOURCES)
    assert f"{count} of {len(SOURCES)} ({share:.1%}) pairs were left out" in "\n".join(setup.notes())
    assert ("left out", f"{count} pairs: they are too long") in setup.outline()
    rows, stream = 0, setup.stream()
    while stream.epoch < 1:
        rows += stream.next_batch().rows
    assert rows == short


def test_reading_backwards_turns_the_sources_alone():
    forwards, backwards = (setup_of(reverse_source=each, held_out=0.0).stream().next_batch() for each in (False, True))
    torch.testing.assert_close(forwards.targets_BT, backwards.targets_BT)
    for row, length in enumerate(forwards.inputs_BT.source_lengths_B.tolist()):
        ids = forwards.inputs_BT.sources_BS[row, : length - 1]
        torch.testing.assert_close(backwards.inputs_BT.sources_BS[row, : length - 1], ids.flip(0))


VECTORS = "die 1 0 0 0 0 0\nkuh 0 2 0 0 0 0\nhund 0 0 3 0 0 0\nwal 0 0 0 4 0 0\n"


def test_given_vectors_are_tuned_or_stay(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(VECTORS)
    options = {"source_vectors": str(path), "weight_decay": 0.5, "ema_decay": 0.9}
    first = setup_of(**options)
    words = [first.network.source_embed.weight[_number(first, word)].detach() for word in ("die", "kuh", "hund")]
    for place, row in enumerate(words):  # in the directions of the file, and at another scale
        assert int(row.argmax()) == place
        assert float(row.sum()) == pytest.approx(float(row[place]))
    assert float(words[1][1] / words[0][0]) == pytest.approx(2.0)
    assert any("vectors of 3 of" in note for note in first.notes())
    tuned = trained(**options).network.source_embed.weight
    frozen_model = trained(**options, freeze_vectors=True)
    frozen = frozen_model.network.source_embed.weight
    start = first.network.source_embed.weight
    assert torch.equal(frozen, start)
    assert not torch.equal(tuned, start)
    assert frozen_model.network.target_embed.weight.requires_grad


def _number(setup: TranslatorSetup, word: str) -> int:
    return int(setup.vocabulary.source.encode(word)[0])


def test_vectors_of_the_target_are_those_of_the_output_where_these_are_tied(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 0 0 0 0 0\ncow 0 2 0 0 0 0\n")
    model = trained(target_vectors=str(path), freeze_vectors=True)
    assert not model.network.target_embed.weight.requires_grad
    assert model.network.source_embed.weight.requires_grad
    number = int(model.vocabulary.target.encode("cow")[0])
    assert int(model.network.target_embed.weight[number].argmax()) == 1


def test_subwords_that_begin_a_word_take_its_vector(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("die 1 0 0 0 0 0\ne 0 2 0 0 0 0\n")
    setup = setup_of(tokens="subwords", vocabulary_size=270, source_vectors=str(path))
    vocabulary = setup.vocabulary.source
    names = [vocabulary.token(number) for number in range(vocabulary.size)]
    whole, part = (setup.network.source_embed.weight[names.index(name)].detach() for name in ("␣die", "e"))
    assert whole.count_nonzero() == 1
    assert part.count_nonzero() == 6, "a part of a word is not the word e"
    assert any("vectors of 1 of" in note for note in setup.notes())


def test_vectors_that_do_not_fit(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("die 1 0\nkuh 0 2\n")
    with pytest.raises(DataError, match=r"vectors of 6 numbers, .*embedding=2 takes them\. Received: 2"):
        trained(source_vectors=str(path))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tied": "all"}, r"shared=true, with tied=all\. Received: shared=false"),
        ({"shared": True, "target_tokens": "characters"}, r"Received: words and characters"),
        ({"best_by": "bleu", "translate_valid": 0}, r"translate_valid above 0 with best_by=bleu\. Received: 0"),
        ({"best_by": "exact", "held_out": 0.0}, r"pairs for validation with best_by=exact\. Received: none"),
        ({"freeze_vectors": True}, r"source_vectors or target_vectors with freeze_vectors\. Received: neither"),
        (
            {"tied": "all", "shared": True, "source_vectors": "a", "target_vectors": "b"},
            r"one file of vectors with tied=all, .*Received: two",
        ),
        ({"loss_from": 2}, r"for tasks with a target at every step\. Received: loss_from=2"),
        ({"bridge": "copy"}, r"in one direction, with bridge=copy\. Received: states of"),
        ({"attention": "between", "layers": 1}, r"at least 2 layers with attention between them"),
        ({"attention": "none", "input_feeding": True}, r"attention with input feeding"),
    ],
)
def test_options_that_do_not_go_together(options, expected):
    with pytest.raises(ConfigError, match=expected):
        setup_of(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"bidirectional": False, "bridge": "copy", "layers": 2},
        {"bridge": "zero", "context_every_step": True, "attention": "none"},
        {
            "encoder_cell": "lstm",
            "encoder_cell_options": {"peepholes": True},
            "encoder_layers": 2,
            "encoder_hidden_size": 5,
        },
        {"cell": "lstm", "input_feeding": True, "attention_score": "dot", "encoder_hidden_size": 4, "hidden_size": 8},
        {"shared": True, "tied": "all"},
        {"tied": "none", "attention": "bahdanau"},
        {"tokens": "characters", "target_tokens": "words", "tokenizer": "whitespace"},
        {"attention": "between", "layers": 3, "residual": True, "recurrent_dropout": 0.1, "weight_drop": 0.1},
        {"cell": "mingru", "learn_initial_state": True},
    ],
    ids=str,
)
def test_options_that_go_together_train_and_translate(options):
    model = trained(**{**options, "max_steps": 2})
    assert len(model.translate(SOURCES[:3], beams=2)) == 3
    assert np.isfinite(model.metrics["valid"]["loss"])


def test_a_run_learns_its_pairs():
    options = {"max_steps": 200, "dropout": 0.0, "hidden_size": 24, "embedding": 12, "evaluate_every": 200}
    model = trained(**options, label_smoothing=0.0, attention="bahdanau")
    figures = model.evaluate(SOURCES, TARGETS)
    assert figures["exact"] == 1.0
    assert figures["accuracy"] == 1.0


def test_files_of_the_other_direction(tmp_path):
    for name, lines in (("t.de", SOURCES), ("t.en", TARGETS)):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    with gzip.open(tmp_path / "u.en.gz", "wt") as file:
        file.write("the cow\n")
    model = tiny().fit([tmp_path / "t.de", tmp_path / "t.en"], progress=False, tune=False)
    assert model.languages == ("de", "en")
    assert "de to en" in repr(model)
    with pytest.raises(DataError, match=r"from de to en, as the model was trained\. Received: files from en to de"):
        model.evaluate([tmp_path / "t.en", tmp_path / "t.de"])
    with pytest.raises(DataError, match=r"sentences in de: .*Received: .*u\.en\.gz, in en by its name"):
        model.read(tmp_path / "u.en.gz", with_targets=False)
    files = [tmp_path / "t.de", tmp_path / "t.en"]
    with pytest.raises(DataError, match=r"files from en to de"):
        tiny().fit(files, valid=files[::-1], progress=False, tune=False)
    assert len(model.read(tmp_path / "t.de", with_targets=False)) == len(PAIRS)


@pytest.mark.parametrize(
    ("files", "error", "expected"),
    [
        ({"a.de": b"x\ny\n", "a.en": b"x\n"}, DataError, r"Received: 2 lines in .*a\.de and 1 in .*a\.en"),
        ({"a.tsv": b"x\ty\nz\n"}, DataError, r"a\.tsv, line 2: expected a source and a target with a tab .*'z'"),
        ({"a.tsv": b"x\ty\nz\t\xff\n"}, EncodingError, r"a\.tsv: the bytes at offset 6 are not utf-8"),
        ({"a.tsv": b"\t\n \t\n"}, DataError, r"at least one pair .*2 with an empty side"),
        ({"a.tsv": b"x\ty\n"}, DataError, r"at least 2 pairs to hold some of them out; .*Received: 1"),
    ],
)
def test_files_that_cannot_be_learnt_from(tmp_path, files, error, expected):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=expected):
        tiny().fit([tmp_path / name for name in files], progress=False, tune=False)


def test_pairs_with_an_empty_side_are_left_out_and_reported():
    pairs = pairs_from([*SOURCES, "die kuh"], [*TARGETS, " "])
    config = TranslatorConfig.make("base", TINY)
    setup = TranslatorSetup(config, make_parts(pairs, config.data, 0))
    assert "1 of 37 pairs were left out, because one side is empty" in "\n".join(setup.notes())


def test_what_cannot_be_fitted():
    for arguments in ((SOURCES, TARGETS[:5]), (SOURCES, "the cow")):
        with pytest.raises(DataError):
            tiny().fit(*arguments)
    with pytest.raises(ConfigError, match=r"in memory"):
        tiny().fit(SOURCES, TARGETS, folder="somewhere")
    with pytest.raises(DataError, match=r"sources and targets, or paths of files. Received: int alone"):
        tiny().fit(3)
