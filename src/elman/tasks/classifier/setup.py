"""`ClassifierSetup`: data, loss and metrics of a classifier's training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.batches import ShuffledBatches
from elman.data.borrowed_vectors import with_words
from elman.data.examples import Examples, read_examples
from elman.data.examples.encode import TextEncoder, learn_encoder
from elman.data.examples.parts import ExampleParts, make_parts
from elman.data.examples.targets import ClassTargets, class_weights_of, learn_targets, with_numbers
from elman.data.examples.vocabulary import ClassifierVocabulary, EncodedExamples
from elman.data.examples.word_characters import check_words
from elman.data.labels import common_spelling
from elman.data.sources import Sources
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_texts
from elman.display import Progress, number_text
from elman.errors import ConfigError
from elman.metrics.calibration import fit_temperature
from elman.metrics.classification import evaluation, log_softmax
from elman.metrics.confusion import confusion_matrix
from elman.nn.attribution import predict_outputs
from elman.nn.ensemble import members_of
from elman.options import automatic_value, fields_of
from elman.plots.confusion import draw_confusion
from elman.tasks.automatic import Choices
from elman.tasks.classifier.automatic import choices_of_texts
from elman.tasks.classifier.automatic_series import choose_series_options
from elman.tasks.classifier.bag import start_of_bag
from elman.tasks.classifier.baselines import comparison_of
from elman.tasks.classifier.config import OF_SERIES, OF_TEXTS, ClassifierConfig, check_network, check_target
from elman.tasks.classifier.linear_series import LinearStart, learn_linear
from elman.tasks.classifier.network import ClassifierEnsemble, ClassifierNetwork
from elman.tasks.classifier.objectives import ClassObjective, RegressionObjective
from elman.tasks.classifier.start import vocabulary_from_start
from elman.tasks.comparison import Comparison
from elman.tasks.remarks import constant_columns, constant_series, labels_not_learnt, token_advice, too_long
from elman.tasks.samples import compared, example_of
from elman.tasks.sequence_setup import SequenceSetup
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries, token_entries
from elman.tasks.start_texts import TEXT_MODELS, options_from_text_model
from elman.tasks.vector_hooks import WordEmbedding, word_embedding

__all__ = ["ClassifierSetup"]

# A temperature fitted to fewer examples would overfit.
_MIN_TO_CALIBRATE = 50
# Standard deviation of vectors that are never trained.
_FROZEN_DEVIATION = 1.0
# Classes whose probabilities a sample shows.
_SAMPLED_CLASSES = 4


class ClassifierSetup(
    SequenceSetup[ClassifierConfig, ClassifierNetwork, ExampleParts, ClassifierVocabulary, EncodedExamples]
):
    """Setup of a classifier."""

    task = "classifier"
    config_class = ClassifierConfig
    vocabulary_class = ClassifierVocabulary
    unit = "example"
    starts_from = TEXT_MODELS
    # A bag is learnt from the labels of its own training data.
    start_new = ("bag.weight", "bag.keys_K", "linear.*")
    start_optional = ("bag.gain",)

    @classmethod
    def check_options(cls, config: ClassifierConfig) -> None:
        """Raise ConfigError for incompatible options."""
        super().check_options(config)
        check_target(config.target)
        check_network(config.network, config.target)

    def validation_share(self, config: ClassifierConfig) -> dict[str, Any]:
        """Return the usual split, with the share of the test part in training."""
        train, valid, test = automatic_value(config.data, "split")
        return {"split": (train + test, valid, 0.0)}

    def with_validation(self, config: ClassifierConfig) -> ExampleParts:
        seed, regression = config.training.seed, config.target.kind == "regression"
        return self.parts.cut_again(config.data, seed=seed, regression=regression)

    def automatic_options(self, config: ClassifierConfig) -> Choices:
        """Return options that suit the training part."""
        given = frozenset() if self.automatic is None else self.automatic.given
        if self.parts.train.kind == "text":
            return choices_of_texts(self.parts.train, config, given)
        return choose_series_options(self.parts, config, given)

    @classmethod
    def read_part(cls, paths: Sequence[Any], config: ClassifierConfig, progress: Progress | None = None) -> Examples:
        """Read held-out files; the option `labels` is for training data only."""
        return read_examples(paths, dataclasses.replace(config.data, labels=""), progress=progress)

    @classmethod
    def read(
        cls,
        config: ClassifierConfig,
        sources: Sources,
        *,
        vocabulary: ClassifierVocabulary | None = None,
        progress: Progress | None = None,
    ) -> ExampleParts:
        """Read the labelled examples of all splits."""
        del vocabulary
        # Saved with the other paths for a resumed run.
        sources.labels = sources.labels or config.data.labels
        data = dataclasses.replace(config.data, labels=sources.labels)
        train = read_examples(sources.train, data, progress=progress)
        held_out = (sources.valid, sources.test)
        valid, test = (cls.read_part(paths, config, progress) if paths else None for paths in held_out)
        regression = config.target.kind == "regression"
        if regression:
            train = with_numbers(train)
            valid, test = (None if part is None else with_numbers(part) for part in (valid, test))
        return make_parts(train, data, seed=config.training.seed, regression=regression, valid=valid, test=test)

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: ClassifierConfig, where: str) -> ClassifierVocabulary:
        """Load the vocabulary."""
        return ClassifierVocabulary.from_json(
            content,
            config.input,
            kind=config.target.kind,
            bag=config.network.bag,
            characters=config.network.bag_characters,
            where=where,
        )

    @staticmethod
    def make_network(config: ClassifierConfig, vocabulary: ClassifierVocabulary) -> ClassifierNetwork:
        """Return a network for the encoder and the targets of this vocabulary."""
        encoder, outputs = vocabulary.encoder, vocabulary.targets.outputs
        if isinstance(encoder, TextEncoder):
            return _network(config, outputs=outputs, tokens=encoder.vocabulary.size, grams=vocabulary.grams)
        return _network(config, outputs=outputs, channels=len(encoder.channels))

    @classmethod
    def make_smallest_network(cls, config: ClassifierConfig) -> ClassifierNetwork:
        """Return a network for texts, to which all options apply."""
        return _network(config, outputs=2, tokens=2)

    @classmethod
    def uncalibrated(cls, vocabulary: ClassifierVocabulary) -> ClassifierVocabulary:
        """Return the vocabulary with the temperature 1."""
        return dataclasses.replace(vocabulary, temperature=1.0)

    def learn_vocabulary(self) -> ClassifierVocabulary:
        """Return the tokens or the scale of the inputs, and the classes or the scale of the labels of a regression."""
        config, parts = self.config, self.parts
        encoder = learn_encoder(parts.train, config.input, config.data.value_columns)
        if isinstance(encoder, TextEncoder):
            encoder = dataclasses.replace(encoder, vocabulary=with_words(encoder.vocabulary, self.words_of_vectors()))
        # Classes are those of all splits; the scale of the labels of a regression is that of the training set.
        labelled = parts.train if config.target.kind == "regression" else parts.known
        return ClassifierVocabulary(encoder, learn_targets(labelled, config.target.kind, parts.names, parts.values))

    def vocabulary_from_start(self, learnt: ClassifierVocabulary, source: StartModel) -> ClassifierVocabulary:
        """Return the encoder of a model with the new tokens, and its labels with the new ones, as the options say."""
        return vocabulary_from_start(self, learnt, source)

    @classmethod
    def options_from_other(cls, source: StartModel) -> dict[str, Any]:
        """Return the options of the tokens and the layers of a language model, or of a translator's encoder."""
        return options_from_text_model(source)

    @classmethod
    def entries_of(cls, config: ClassifierConfig, vocabulary: ClassifierVocabulary) -> Mapping[str, Entries]:
        """Return the tokens of the embedding, and the labels of the output layer."""
        encoder, labels = vocabulary.encoder, vocabulary.names or ("number",)
        found: dict[str, Entries] = {"head.*": (tuple(map(common_spelling, labels)), None)}
        if isinstance(encoder, TextEncoder):
            found |= token_entries(encoder.vocabulary.entries(), one_hot=not config.network.embedding)
        return found

    def text_vocabularies(self) -> list[Vocabulary]:
        encoder = self.vocabulary.encoder
        return [encoder.vocabulary] if isinstance(encoder, TextEncoder) else []

    def training_texts(self) -> Iterator[str]:
        return map(str, self.parts.train.inputs)

    def _check_inputs(self) -> None:
        """Raise ConfigError for options that do not apply to this kind of input."""
        network, texts = self.config.network, self.parts.train.kind == "text"
        for name in OF_SERIES if texts else OF_TEXTS:
            value = getattr(network, name)
            if value != fields_of(type(network))[name][0].default:
                raise ConfigError(
                    f"expected {name} with {'series' if texts else 'texts'} only. "
                    f"Received: {name}={value} for {'texts' if texts else 'series'}"
                )

    def encode(self) -> None:
        """Encode all splits, and collect the n-grams of the training set."""
        self._check_inputs()
        encoder, network = self.vocabulary.encoder, self.config.network
        if network.bag_characters and isinstance(encoder, TextEncoder):
            check_words(encoder)
            self.vocabulary = dataclasses.replace(self.vocabulary, characters=network.bag_characters)
        super().encode()
        self._linear: LinearStart | None = None
        if network.linear != "none":
            rows, classes = self._train.rows, len(self.vocabulary.names)
            self._linear = learn_linear(network.linear, rows.separate(), self._train.truth_N, classes)
            rows.offsets_NC = None if classes else self._linear.offsets_NC
        self._bag = None
        if network.bag + network.bag_characters and isinstance(encoder, TextEncoder):
            self._bag = start_of_bag(network, self._train, self.vocabulary)
        grams = 0 if self._bag is None else len(self._bag.keys_K)
        self.vocabulary = dataclasses.replace(self.vocabulary, grams=grams, temperature=1.0)

    def encode_part(self, part: Examples, *, training: bool = False) -> EncodedExamples:
        """Encode a split."""
        return EncodedExamples(part, self.vocabulary)

    def init_network(self) -> None:
        """Initialise the bag with its n-grams."""
        for member in members_of(self.network):
            if self._bag is not None:
                self._bag.put_into(member)
            if member.linear is not None and self._linear is not None:
                member.linear.start(self._linear.buffers)

    def word_embeddings(self) -> list[WordEmbedding]:
        network = self.config.network
        # The small initial values of words that are learnt are hardly read where they can never grow.
        deviation = _FROZEN_DEVIATION if network.freeze_vectors and not network.freeze_vectors_until else None
        return [
            word_embedding(tokens, lambda: [self._train.rows.ids()], deviation=deviation)
            for tokens in self.text_vocabularies()
        ]

    def stream(self) -> ShuffledBatches:
        """Return shuffled batches of examples."""
        return self._train.rows.shuffled(self.config.network.batch_size, self.training_config.seed)

    def objective(self) -> ClassObjective | RegressionObjective:
        """Return the loss of classes or of a regression."""
        held_out = None if self._valid is None else (self._valid.rows, self._valid.truth_N)
        target, targets, most = self.config.target, self.vocabulary.targets, self.training_config.validation_limit
        if not isinstance(targets, ClassTargets):
            return RegressionObjective(self.network, held_out, deviation=targets.deviation, most=most)
        balanced = target.class_weights == "balanced"
        weights_C = class_weights_of(self._train.truth_N, targets.outputs) if balanced else None
        smoothing, by_loss = target.label_smoothing, target.monitor == "loss"
        return ClassObjective(
            self.network, held_out, class_weights=weights_C, label_smoothing=smoothing, by_loss=by_loss, most=most
        )

    @property
    def evaluation_cost(self) -> float:
        """That of the examples which an evaluation uses, at most `evaluate_tokens`."""
        if self.parts.valid is None:
            return 0.0
        return super().evaluation_cost * min(1.0, self.training_config.validation_limit / len(self.parts.valid))

    @property
    def loss_name(self) -> str:
        """Name and unit of the loss."""
        return "nats per example" if self.vocabulary.names else "squared error of the standardised number"

    def evaluate_split(self, data: EncodedExamples) -> dict[str, float]:
        """Return metrics on an encoded split."""
        figures = evaluation(predict_outputs(self.network, data.rows), data.truth_N, self.vocabulary)
        return {name: value for name, value in figures.items() if isinstance(value, float)}

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Fit the temperature on the validation set, and plot its confusion matrix."""
        valid, names = self._valid, self.vocabulary.names
        if valid is None or not names:
            return {}
        logits_NC = predict_outputs(self.network, valid.rows)
        predicted_N = logits_NC.argmax(axis=1)
        # Without errors the optimal temperature is zero.
        wrong = bool((predicted_N != valid.truth_N).any())
        if self.config.target.calibrate and wrong and len(valid.rows) >= _MIN_TO_CALIBRATE:
            temperature = fit_temperature(logits_NC, valid.truth_N)
            self.vocabulary = dataclasses.replace(self.vocabulary, temperature=temperature)
        if folder is not None:
            matrix_CC = confusion_matrix(valid.truth_N, predicted_N, len(names))
            draw_confusion(matrix_CC, names, folder / "confusion.png", title="validation")
        figures = evaluation(logits_NC, valid.truth_N, self.vocabulary)
        kept = ("temperature", "log_loss", "brier", "ece", "ece_before")
        return {"calibration": {name: figures[name] for name in kept}}

    def comparison(self, limit: int) -> Comparison | None:
        del limit
        if (compared := self.compared_part()) is None:
            return None
        name, part, encoded = compared

        def outputs(rows_N: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
            if len(rows_N) < len(part):
                rows = self.encode_part(part.take(rows_N)).rows
                return predict_outputs(self.network, rows)
            return predict_outputs(self.network, encoded.rows)

        train_N, targets = self._train.truth_N, self.vocabulary.targets
        return comparison_of(outputs, targets, self.parts.train, train_N, part, encoded.truth_N, name)

    def sample(self) -> str:
        """Return an example with the probabilities of its likeliest classes, or its number, and the right answer."""
        part, targets = example_of(self.parts, self.sample_number), self.vocabulary.targets
        outputs_C = predict_outputs(self.network, self.encode_part(part).rows)[0]
        series = f"a series of {len(part.inputs[0])} steps ({part.places[0]})"
        rows = [("text", str(part.inputs[0]))] if part.kind == "text" else [("input", series)]
        if isinstance(targets, ClassTargets):
            probabilities_C = np.exp(log_softmax(outputs_C[None]))[0]
            best = np.argsort(-probabilities_C, kind="stable")[:_SAMPLED_CLASSES]
            rows.append(("answer", ", ".join(f"{targets.names[k]} {probabilities_C[k]:.2%}" for k in best)))
        else:
            rows.append(("answer", f"{float(targets.decode(outputs_C[:1])[0]):.6g}"))
        return compared([*rows, *[("right", str(label)) for label in part.labels or ()]])

    @property
    def plotted_metrics(self) -> list[str]:
        return ["accuracy"] if self.vocabulary.names else ["rmse"]

    def describe(self, figures: Mapping[str, float]) -> str:
        """Format the metrics of an evaluation as one line."""
        if not self.vocabulary.names:
            return f"RMSE {figures['rmse']:.4g}, MAE {figures['mae']:.4g}, R2 {figures['r2']:.4f}"
        loss = figures["loss"] if "loss" in figures else figures["log_loss"]
        nats = f"{number_text(loss)} nats per example"
        return f"accuracy {figures['accuracy']:.2%}, macro F1 {figures['macro_f1']:.4f}, {nats}"

    def data_facts(self) -> dict[str, Any]:
        """Return the number of examples in each split."""
        return {
            "kind": self.parts.train.kind,
            **{name: 0 if part is None else len(part) for name, part in self.parts.named()},
            "longest": int(self._train.rows.lengths.max()),
            "longer_than_max_length": self._train.longer,
        }

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, lengths, inputs and targets."""
        facts, lengths, encoder = self.data, self._train.rows.lengths, self.vocabulary.encoder
        if isinstance(encoder, TextEncoder):
            unit, read = encoder.vocabulary.unit, f"{encoder.vocabulary.size:,} {encoder.vocabulary.unit}s"
        else:
            unit, read = "step", f"{len(encoder.channels)} channels"
        return [
            ("examples", f"{facts['train']:,} to train on, {facts['valid']:,} validation, {facts['test']:,} test"),
            ("length", f"{lengths.min():,} to {lengths.max():,} {unit}s, {np.mean(lengths):.1f} on average"),
            ("input", read),
            ("answer", self.vocabulary.answer()),
        ]

    def notes(self) -> list[str]:
        """Report texts that are truncated, constant series, and classes that cannot be learnt."""
        train, fate = self.parts.train, "longer than max_length and are truncated"
        inputs = too_long(self._train.longer, len(train), "training texts", fate, "max_length=0 reads them whole")
        if train.kind == "series":
            series: Any = train.inputs
            inputs = constant_series(train.places, series, "a constant series shows its level only; is it an error?")
            if all(train.channels):
                advice = "a constant channel shows nothing; value_columns names the others"
                inputs += constant_columns(train.channels, series, "channels", advice)
        parts = {"validation": self._valid, "test": self._test}
        held_out = [(name, part.truth_N) for name, part in parts.items() if part is not None]
        names = self.vocabulary.names
        labels = labels_not_learnt(names, self._train.truth_N, held_out, "class_weights=balanced") if names else []
        return [*super().notes(), *inputs, *labels]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown tokens of the texts."""
        encoder = self.vocabulary.encoder
        for name, part in (("training", self.parts.train), ("validation", self.parts.valid)):
            if part is not None and isinstance(encoder, TextEncoder):
                texts: Any = part.inputs
                counts = unknown_in_texts(encoder.vocabulary, texts)
                advice = token_advice(self.config.input, encoder.vocabulary.kind)
                yield counts, f"{encoder.vocabulary.unit}s of the {name} texts", advice

    def summary(self) -> str:
        """Describe the network and the data in one line."""
        examples = f"{len(self._train.rows):,} examples to train on"
        return f"{self.network_summary}; {examples}, {self.vocabulary.answer()}"


def _network(config: ClassifierConfig, **sizes: int) -> ClassifierNetwork:
    """Return a network of these sizes, or an ensemble."""
    regression = config.target.kind == "regression"
    make = partial(ClassifierNetwork, config.network, **sizes)
    return ClassifierEnsemble.of(config.network.members, make, regression=regression)
