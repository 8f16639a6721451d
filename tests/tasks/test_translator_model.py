"""The translator in memory: searches, scores, figures, ensembles, averages, and what is refused."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import sacrebleu
import torch

import elman
from elman.data.pairs import PairVocabulary, pairs_from
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.search import Hypothesis
from elman.decode.search_config import SearchConfig
from elman.decode.translation import search_all, translations_of
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.average import average_folders
from elman.tasks.translator.setup import member_of

from .small_translators import SOURCES, TARGETS, greedy_by_hand, tiny, trained

LENGTHS = ["die katze", "die katze rennt heute und die kuh", "igel", "die kuh rennt", "die"]


@pytest.fixture(scope="module")
def model() -> elman.Translator:
    return trained(max_steps=40, evaluate_every=40)


@pytest.fixture(scope="module")
def other() -> elman.Translator:
    return trained(seed=3, attention="bahdanau", hidden_size=6, max_steps=40, evaluate_every=40)


def test_one_beam_is_the_likeliest_token_each_time(model, other):
    for each in (model, other):
        for source in LENGTHS:
            found = each.translations(source, beams=1)[0][0]
            tokens = greedy_by_hand(each, source)
            assert found.tokens == each.vocabulary.target_tokens(tokens)
            assert found.text == each.vocabulary.decode_target(tokens)


def test_a_sentence_is_translated_as_it_is_alone(model):
    options = {"beams": 3, "n_best": 3, "attention": True}
    together = model.translations(LENGTHS, **options)
    for source, best in zip(LENGTHS, together, strict=True):
        alone = model.translations([source], batch_size=1, **options)[0]
        assert [each.text for each in alone] == [each.text for each in best]
        for one, same in zip(alone, best, strict=True):
            assert one.score == pytest.approx(same.score, abs=1e-5)
            np.testing.assert_allclose(one.attention, same.attention, atol=1e-5)
    assert [each[0].source for each in together] == LENGTHS


def test_the_best_come_first_and_are_as_likely_as_their_score_says(model):
    for best in model.translations(LENGTHS, beams=4, n_best=4, length_penalty=0.0, stop="exact"):
        scores = [each.score for each in best]
        assert scores == sorted(scores, reverse=True)
        for each in best:
            if each.finished and each.text:
                reported = model.score([each.source], [each.text])[0]
                assert reported.log_probability == pytest.approx(each.log_probability, abs=1e-4)
                assert reported.tokens[:-1] == each.tokens
                assert each.score == pytest.approx(each.log_probability)


def test_attention_has_a_column_for_each_token_of_the_source_and_its_end(model):
    found = model.translations("die katze rennt", attention=True)[0][0]
    assert found.source_tokens == ["die", "katze", "rennt", "[EOS]"]
    assert found.attention.shape == (len(found.tokens), 4)
    np.testing.assert_allclose(found.attention.sum(axis=1), 1.0, atol=1e-5)
    assert model.translations("die katze")[0][0].attention is None
    assert set(found.to_json()) >= {"text", "tokens", "score", "log_probability", "source_tokens", "attention"}


def test_a_source_read_backwards_has_its_attention_forwards():
    backwards = trained(reverse_source=True)
    source = "die katze rennt heute"
    found = backwards.translations(source, beams=1, attention=True)[0][0]
    assert found.tokens == backwards.vocabulary.target_tokens(greedy_by_hand(backwards, source))
    network, vocabulary = backwards.network, backwards.vocabulary
    ids = vocabulary.encode_sources([source])[0].tolist()[::-1]
    sources_BS = torch.tensor([[*ids, vocabulary.source.end_id]])
    state, memory = network.encode(sources_BS, torch.tensor([5]))
    with torch.no_grad():
        first = network.advance(torch.tensor([[vocabulary.bos_id]]), state, memory)
    in_order = first.weights_BKS[0, 0, [3, 2, 1, 0, 4]]
    np.testing.assert_allclose(found.attention[0], in_order.numpy(), atol=1e-5)


def test_an_empty_sentence_has_an_empty_translation(model):
    assert model.translate(["", "die kuh", "  "])[::2] == ["", ""]
    assert model.translate([]) == []
    assert model.translate("") == [""]
    empty = model.translations("", attention=True)[0][0]
    assert empty.tokens == []
    assert empty.attention.shape == (0, 1)
    assert any(
        "2 sentences are empty, and so are the translations" in reported
        for reported in model.remarks_on(["", "die kuh", " "])
    )


def test_a_source_longer_than_in_training_is_translated_whole(model):
    short = trained(max_source=3)
    source = "die kuh rennt heute und hier"
    assert short.translations(source, attention=True)[0][0].attention.shape[1] == 7
    assert any("1 sentence is longer than the 3 tokens" in remark for remark in short.remarks_on([source, "die kuh"]))
    assert short.data["train_too_long"] > 0
    assert not model.remarks_on(SOURCES)


def test_sentences_of_another_language_are_noticed(model):
    reported = model.remarks_on(TARGETS)
    words = sum(len(target.split()) for target in TARGETS)
    assert any(each.startswith(f"{words} of {words} tokens are unknown: 'the'") for each in reported)
    assert "are these sentences in the model's source language?" in reported[-1]


def test_draws_are_those_of_their_seed(model):
    drawn = [model.translate(SOURCES, sample=True, temperature=2.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(model.translations("die kuh", sample=True, n_best=7)[0]) == 7
    assert model.translate("die kuh", sample=True, temperature=0.0) == model.translate("die kuh", beams=1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5}, r"temperature, top_k, top_p, seed only with sample\. Received: temperature=0\.5$"),
        ({"top_k": 3, "seed": 1}, r"only with sample\. Received: top_k=3, seed=1$"),
        (
            {"sample": True, "stop": "enough", "length_penalty": 0.0},
            r"stop without sample\. Received: length_.*enough$",
        ),
        ({"beams": 1001}, r"beams to be at most 1000"),
        ({"sample": True, "n_best": 1001}, r"n_best to be at most 1000"),
    ],
)
def test_options_of_a_search_that_would_do_nothing_are_refused(model, options, expected):
    with pytest.raises(ConfigError, match=expected):
        model.translate("die kuh", **options)


def test_a_batch_takes_no_more_memory_than_it_may(model, monkeypatch):
    from elman.decode import translation as search

    expected = model.translate([*LENGTHS, *SOURCES], beams=3)
    for name, most in (("_MAX_STEPS", 12), ("_MAX_LOGITS", 3 * model.vocabulary.target.size * 2)):
        rows = []
        with monkeypatch.context() as patch:
            patch.setattr(search, name, most)
            start = search._start
            patch.setattr(
                search,
                "_start",
                lambda network, sources, chosen, start=start, rows=rows: (
                    rows.append((len(chosen), int(sources.lengths[chosen].max()))) or start(network, sources, chosen)
                ),
            )
            assert model.translate([*LENGTHS, *SOURCES], beams=3) == expected
        by_steps = name == "_MAX_STEPS"
        assert all((count * longest <= 12 or count == 1) if by_steps else count <= 2 for count, longest in rows)


def test_the_longest_answer(model):
    for found in model.translations(LENGTHS, max_length=2, beams=3):
        assert len(found[0].tokens) <= 2


def test_unknown_words_are_copied_from_where_attention_is(model):
    vocabulary = model.vocabulary
    ids = (int(vocabulary.encode_targets(["the"])[0][0]), 0, 0)
    weights_TS = torch.tensor([[1.0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.0, 0.5]])
    found = [Hypothesis(ids, -1.0, -1.0, weights_TS, True)]
    made = translations_of("die Giraffe springt", found, vocabulary, replace_unknown=True, attention=False)
    assert made[0].text == "the springt Giraffe"
    assert made[0].tokens == ["the", "[UNK]", "[UNK]"]
    assert made[0].attention is None
    kept = translations_of("die Giraffe springt", found, vocabulary, replace_unknown=False, attention=True)
    assert "[UNK]" in kept[0].text
    assert kept[0].attention is not None


def test_replacing_reaches_the_search(model, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "elman.decode.translation.translations_of",
        lambda source, found, vocabulary, **options: seen.append((found[0].attention is not None, options)) or [],
    )
    model.translations("die giraffe", replace_unknown=True)
    assert seen == [(True, {"replace_unknown": True, "attention": False})]


def test_scores_are_the_networks_log_probabilities(model):
    sources, targets = ["die kuh", "die katze rennt heute"], ["the cow runs today", "the whale"]
    vocabulary, network = model.vocabulary, model.network
    for source, target, reported in zip(sources, targets, model.score(sources, targets), strict=True):
        ids = [*vocabulary.encode_sources([source])[0], vocabulary.source.end_id]
        wanted = [*vocabulary.encode_targets([target])[0], vocabulary.target.end_id]
        fed = torch.tensor([[vocabulary.bos_id, *wanted[:-1]]])
        with torch.no_grad():
            logits_TV = network(torch.tensor([ids]), torch.tensor([len(ids)]), fed)[0]
        expected = torch.log_softmax(logits_TV, dim=-1)[range(len(wanted)), wanted]
        np.testing.assert_allclose(reported.log_probs, expected.numpy(), atol=1e-5)
        assert reported.log_probability == pytest.approx(float(expected.sum()), abs=1e-5)
        assert reported.perplexity == pytest.approx(math.exp(-float(expected.mean())), rel=1e-5)
        assert reported.tokens[-1] == "[EOS]"
    assert [reported.unknown for reported in model.score(sources, targets)] == [0, 1]


def test_progress_is_shown_of_scores_and_of_translations(model):
    seen = []
    model.score(SOURCES, TARGETS, progress=lambda stage, share: seen.append((stage, share)))
    assert {stage for stage, _ in seen} == {"scoring"}
    assert seen[-1][1] == 1.0
    model.evaluate(SOURCES, TARGETS, progress=lambda stage, share: seen.append((stage, share)))
    assert seen[-1] == ("translating", 1.0)


def test_figures_are_those_of_the_translations(model):
    figures = model.evaluate(SOURCES, TARGETS, beams=2)
    texts = model.translate(SOURCES, beams=2)
    assert figures["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [TARGETS]).score)
    assert figures["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [TARGETS]).score)
    assert figures["exact"] == np.mean([text == target for text, target in zip(texts, TARGETS, strict=True)])
    scores = model.score(SOURCES, TARGETS)
    nats = [-value for each in scores for value in each.log_probs]
    assert figures["loss"] == pytest.approx(np.mean(nats), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(np.mean(nats)), rel=1e-5)
    assert figures["tokens"] == len(nats)
    assert figures["pairs"] == len(SOURCES)
    assert figures["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert "nc:6" in figures["chrf_signature"]


def test_figures_in_lower_case(model):
    upper = [target.upper() for target in TARGETS]
    strict, lowered = model.evaluate(SOURCES, upper), model.evaluate(SOURCES, upper, lowercase=True)
    assert strict["chrf"] < lowered["chrf"]
    assert lowered["chrf"] == pytest.approx(model.evaluate(SOURCES, TARGETS)["chrf"])
    assert "case:lc" in lowered["bleu_signature"]


def test_an_ensemble_means_its_members_probabilities(model, other):
    same = model.translations(SOURCES, ensemble=[model], beams=3)
    for one, alone in zip(same, model.translations(SOURCES, beams=3), strict=True):
        assert one[0].text == alone[0].text
        assert one[0].score == pytest.approx(alone[0].score, abs=1e-4)
    both = model.score(SOURCES, TARGETS, ensemble=[other])
    for joint, first, second in zip(both, model.score(SOURCES, TARGETS), other.score(SOURCES, TARGETS), strict=True):
        expected = np.logaddexp(first.log_probs, second.log_probs) - math.log(2)
        np.testing.assert_allclose(joint.log_probs, expected, atol=1e-5)
    best = model.translations("die kuh", ensemble=[other], beams=4, n_best=4, length_penalty=0.0, stop="exact")[0]
    found = next(each for each in best if each.text and each.finished)
    reported = model.score(["die kuh"], [found.text], ensemble=[other])[0]
    assert found.log_probability == pytest.approx(reported.log_probability, abs=1e-4)
    figures = model.evaluate(SOURCES, TARGETS, ensemble=[other])
    assert figures["loss"] == pytest.approx(-np.mean([value for each in both for value in each.log_probs]), rel=1e-5)


def test_members_that_do_not_write_the_same_tokens(model):
    strange = tiny().fit(SOURCES, [target + " !" for target in TARGETS], progress=False, tune=False)
    for verb in (
        lambda: model.translate("die kuh", ensemble=[strange]),
        lambda: model.score(["die kuh"], ["the cow"], ensemble=[strange]),
    ):
        with pytest.raises(
            ConfigError, match=r"one target vocabulary: .*Received: 12 tokens, and 13 others in model 2"
        ):
            verb()


def test_members_that_read_otherwise_share_no_attention(model):
    backwards = trained(reverse_source=True)
    assert len(model.translate(SOURCES, ensemble=[backwards])) == len(SOURCES)
    with pytest.raises(ConfigError, match=r"same source vocabulary and reading direction for attention"):
        model.translations("die kuh", ensemble=[backwards], attention=True)


def test_a_saved_model_answers_the_same(model, tmp_path):
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert loaded.translate(SOURCES) == model.translate(SOURCES)
    assert loaded.config.network == model.config.network
    assert repr(loaded) == repr(model)


def test_the_mean_of_models(tmp_path):
    first, second = trained(), trained(seed=9)
    for name, each in (("a", first), ("b", second)):
        each.save(tmp_path / name)
    mean = elman.Translator.averaged([tmp_path / "a", tmp_path / "b"])
    for name, tensor in mean.network.stored().items():
        expected = (first.network.stored()[name] + second.network.stored()[name]) / 2
        torch.testing.assert_close(tensor, expected)
    assert mean.metrics == {}
    assert mean.training["averaged"] == 2
    with pytest.raises(ConfigError, match=r"at least two models to average. Received: 1"):
        average_folders([tmp_path / "a"])
    trained(hidden_size=7).save(tmp_path / "c")
    with pytest.raises(ArtifactError, match=r"same options to average. Received: .*a and .*c, which differ"):
        average_folders([tmp_path / "a", tmp_path / "c"])
    tiny().fit(SOURCES[:20], TARGETS[:20], progress=False, tune=False).save(tmp_path / "d")
    with pytest.raises(ArtifactError, match=r"one vocabulary to average"):
        average_folders([tmp_path / "a", tmp_path / "d"])


def test_16_bits_where_they_are_asked_for(model):
    assert model.translate(SOURCES, precision="auto") == model.translate(SOURCES, precision="float32")
    rough = model.translations(SOURCES, precision="bfloat16")
    exact = model.translations(SOURCES, precision="float32")
    differences = [abs(a[0].score - b[0].score) for a, b in zip(rough, exact, strict=True)]
    assert 0 < max(differences) < 0.2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"beems": 3}, r"Received: 'beems'\. Did you mean 'beams'"),
        ({"beams": 0}, "beams to be at least 1. Received: 0"),
        ({"beams": 2, "n_best": 3}, "n_best of at most beams = 2. Received: 3"),
        ({"batch_size": 0}, "batch size of at least 1. Received: 0"),
        ({"precision": "float16"}, "auto, float32, bfloat16. Received: 'float16'"),
    ],
)
def test_what_no_search_can_be_reported(model, arguments, expected):
    with pytest.raises(ConfigError, match=expected):
        model.translate("die kuh", **arguments)


@pytest.mark.parametrize("wanted", [{"attention": True}, {"replace_unknown": True}, {"coverage_penalty": 0.3}])
def test_a_model_without_attention_has_none_to_give(wanted):
    plain = trained(attention="none")
    assert len(plain.translate(SOURCES)) == len(SOURCES)
    with pytest.raises(ConfigError, match=r"a model with attention for .*Received: attention = none"):
        plain.translations("die kuh", **wanted)


def test_a_model_that_is_not_trained():
    with pytest.raises(ConfigError, match=r"expected a model that is trained"):
        tiny().translate("die kuh")
    assert "not trained" in repr(tiny())


def test_pairs_that_cannot_be_scored(model):
    with pytest.raises(DataError, match=r"as many targets as sources, 2. Received: 1"):
        model.score(["a", "b"], ["c"])
    with pytest.raises(DataError, match=r"not empty. Received: 1 empty pairs"):
        model.score(["die kuh", ""], ["the cow", "x"])
    with pytest.raises(DataError, match=r"sources alone"):
        model.evaluate(pairs_from(["die kuh"]))


def test_figures_without_sacrebleu(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ConfigError, match=r"pip install 'elman\[translation\]'"):
        tiny(best_by="chrf").fit(SOURCES, TARGETS, progress=False, tune=False)
    figures = model.evaluate(SOURCES, TARGETS)
    assert "bleu" not in figures
    assert 0.0 <= figures["exact"] <= 1.0


def test_a_folder_whose_vocabulary_is_another_is_refused(model, tmp_path):
    model.save(tmp_path / "m")
    (tmp_path / "m" / "vocabulary.json").write_text(
        (tmp_path / "m" / "vocabulary.json").read_text().replace('"pairs"', '"words"')
    )
    with pytest.raises(ArtifactError):
        elman.load(tmp_path / "m")
    assert isinstance(model.vocabulary, PairVocabulary)


def test_samples_of_the_batches_are_drawn_with_different_seeds(model):
    same = [SOURCES[0]] * 12
    drawn = [each[0].tokens for each in model.translations(same, sample=True, batch_size=4, seed=5)]
    assert drawn == [each[0].tokens for each in model.translations(same, sample=True, batch_size=4, seed=5)]
    assert drawn[:4] == [each[0].tokens for each in model.translations(same[:4], sample=True, batch_size=4, seed=5)]
    assert drawn[:4] != drawn[4:8] != drawn[8:] != drawn[:4]


def test_groups_of_standard_input_are_drawn_with_different_seeds(model, monkeypatch):
    from elman.tasks.endpoint import EndpointCallbacks
    from elman.tasks.translator import endpoints

    groups = [SOURCES[:1] * 3, SOURCES[:1] * 3]
    monkeypatch.setattr("elman.data.decoding.stream_lines", lambda *_, **__: iter(groups))
    monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": None}))
    options = endpoints.TranslateOptions(search=SearchConfig(sample=True, seed=4))
    first, second = endpoints.translate(model, ("-",), options, EndpointCallbacks()).blocks
    assert [each[0].tokens for each in first] != [each[0].tokens for each in second]
    assert [each[0].tokens for each in first] == [
        each[0].tokens for each in model.translations(groups[0], sample=True, seed=4)
    ]


@pytest.mark.parametrize("search", [{"beams": 1}, {"beams": 4, "n_best": 3}, {"sample": True, "n_best": 3}], ids=str)
def test_no_translation_is_shorter_than_the_minimum(model, search):
    free = model.translations(LENGTHS, **search)
    assert min(len(each.tokens) for best in free for each in best) < 9
    held = model.translations(LENGTHS, min_length=9, **search)
    for source, best in zip(LENGTHS, held, strict=True):
        assert all(len(each.tokens) >= 9 for each in best) or not source.strip()
    # The automatic limit becomes at least the minimum.
    long = model.translations("die kuh", min_length=60, **search)[0]
    assert {len(each.tokens) for each in long} == {60}
    with pytest.raises(ConfigError, match=r"min_length of at most max_length = 4. Received: 5"):
        model.translate("die kuh", max_length=4, min_length=5, **search)


def test_several_translations_are_different_texts():
    made = trained(tokens="subwords", vocabulary_size=300, max_steps=1, evaluate_every=1)
    options = {"beams": 12, "n_best": 6, "length_penalty": 0.0, "max_length": 4}
    members = [member_of(made.config, made.network, made.vocabulary)]
    with evaluation_mode(made.network):
        raw = search_all(members, LENGTHS[:4], SearchConfig(**options))
    texts = [[made.vocabulary.decode_target(each.tokens) for each in best] for best in raw]
    assert any(len(set(best[:6])) < 6 for best in texts), "otherwise this proves nothing"
    for row, best in enumerate(made.translations(LENGTHS[:4], **options)):
        assert [each.text for each in best] == list(dict.fromkeys(text.strip() for text in texts[row]))[:6]
        assert [each.score for each in best] == sorted((each.score for each in best), reverse=True)
    drawn = made.translations("die kuh", sample=True, n_best=9, temperature=0.0)[0]
    assert len(drawn) == 9
    assert len({each.text for each in drawn}) == 1


def test_both_forms_of_a_letter_are_read_as_one(caplog):
    apart = [source.replace("\u00e4", "a\u0308") for source in SOURCES]
    half = [*SOURCES[:18], *apart[18:]]
    tiny().fit(half, TARGETS, progress=False, tune=False)
    assert "two Unicode forms" in caplog.text
    caplog.clear()
    made = tiny(unicode_form="nfc").fit(half, TARGETS, progress=False, tune=False)
    assert "Unicode" not in caplog.text
    assert [each.tokens for each in made.score(apart, SOURCES)] == [each.tokens for each in made.score(SOURCES, apart)]
    assert made.translate(apart) == made.translate(SOURCES)
    figures = [made.evaluate(SOURCES, targets) for targets in (SOURCES, apart)]
    assert figures[0] == pytest.approx(figures[1])
