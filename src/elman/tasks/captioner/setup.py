"""`CaptionerSetup`: data, loss and metrics of a captioner's training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.batches import Ints, in_order
from elman.data.captioned import CaptionDataset, read_captioned
from elman.data.captioned.encoded import EncodedCaptions
from elman.data.captioned.images import check_size
from elman.data.captioned.vocabulary import CaptionerVocabulary, ItemSpec
from elman.data.centring import centre_of
from elman.data.parts import Parts
from elman.data.vocabulary import END_ID, UNKNOWN_ID, Vocabulary
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_texts
from elman.decode.ctc_beam import LanguageModelScorer
from elman.decode.search import Hypothesis
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import find
from elman.display import Progress, number_text
from elman.errors import DataError
from elman.kernels import threads_for
from elman.metrics.perplexity import perplexity
from elman.metrics.translation import bleu_metrics, bleu_signatures, exact_match, has_bleu, tokenizer_for
from elman.nn.ensemble import members_of
from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.captioner.baselines import MOST, comparison_of
from elman.tasks.captioner.config import CaptionerConfig
from elman.tasks.captioner.network import CaptionerEnsemble, CaptionerNetwork
from elman.tasks.comparison import Comparison, evenly
from elman.tasks.remarks import token_advice, too_long
from elman.tasks.samples import compared, example_of
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries
from elman.tasks.vector_hooks import WordEmbedding, word_embedding

__all__ = [
    "CaptionObjective",
    "CaptionerSetup",
    "log_probabilities",
    "measure",
    "search_captions",
    "signatures",
    "unknown_tokens",
]

# Maximum captions, and time steps with padding, per batch of an evaluation.
_ROWS, _STEPS = 128, 8192
_GREEDY = SearchConfig(beams=1)


@dataclass(eq=False)
class CaptionObjective(SequenceObjective[EncodedCaptions]):
    """Negative log-likelihood of the tokens of captions, end token included, averaged over tokens.

    held_out   the validation set, or None
    longest    maximum number of tokens to generate in an evaluation
    tokenizer  sacrebleu's tokenizer for BLEU
    """

    model: CaptionerNetwork
    vocabulary: CaptionerVocabulary
    held_out: EncodedCaptions | None
    longest: int
    tokenizer: str = "13a"

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats, with label smoothing, the number of tokens, and no state."""
        r_NY, targets_N = _answers(self.model, batch)
        right: list[Tensor] = []
        nats = self.model.nats(r_NY, targets_N, right)
        self.batch_sums.add("accuracy", right[0], len(targets_N))
        return nats, len(targets_N), state

    def evaluate_part(self, held_out: EncodedCaptions, limit: int) -> dict[str, float]:
        """Return metrics of greedy captions. The best weights are those with the lowest loss."""
        return measure(self.model, self.vocabulary, held_out, self.longest, limit=limit, tokenizer=self.tokenizer)[0]


def _answers(model: CaptionerNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the decoder outputs `r_NY` for the N targets that are not padding, and the targets."""
    device = model.device
    targets_BT = batch.targets_BT.to(device)
    real_BT = targets_BT != IGNORE_INDEX
    r_BTY = model(batch.inputs_BT.items.to(device), batch.inputs_BT.tokens_BT.to(device))
    return r_BTY[real_BT], targets_BT[real_BT]


def _scored(model: CaptionerNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return `logits_NV` for the N targets that are not padding, and the targets."""
    r_NY, targets_N = _answers(model, batch)
    logits_NV = model.logits(r_NY)
    return (logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()), targets_N


def _batches(data: EncodedCaptions, rows: Ints | None = None) -> Iterator[tuple[Ints, Batch]]:
    yield from in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_STEPS, rows=rows)


def log_probabilities(model: CaptionerNetwork, data: EncodedCaptions) -> list[float]:
    """Return the log-probability of each caption, end token included, in order."""
    found = np.zeros(len(data))
    with torch.no_grad(), threads_for(len(data), model):
        for part, batch in _batches(data):
            logits_NV, targets_N = _scored(model, batch)
            nats_N = F.cross_entropy(logits_NV, targets_N, reduction="none").cpu().double().numpy()
            # Masking keeps the tokens of a caption together.
            found[part] = [-each.sum() for each in np.split(nats_N, np.cumsum(data.lengths[part])[:-1])]
    return found.tolist()


def measure(
    model: CaptionerNetwork,
    vocabulary: CaptionerVocabulary,
    data: EncodedCaptions,
    longest: int,
    *,
    search: SearchConfig = _GREEDY,
    limit: int = 0,
    tokenizer: str = "13a",
    language: LanguageModelScorer | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, float], list[str]]:
    """Return metrics on `data`, and the generated caption of each item.

    `loss` (nats per token) and `accuracy` (of tokens) use teacher forcing. `exact` is the fraction of captions that
    equal a reference after decoding. `bleu` and `chrf` are computed against all references if sacrebleu is installed,
    with `tokenizer`, and ignore case if the vocabulary is lower case. With `limit`, evenly spaced items of about so
    many tokens are used.
    """
    items = data.some(limit)
    rows = np.flatnonzero(np.isin(data.owners, items))
    nats, right, tokens = 0.0, 0, 0
    with torch.no_grad():
        for _, batch in _batches(data, rows):
            logits_NV, targets_N = _scored(model, batch)
            nats += float(F.cross_entropy(logits_NV, targets_N, reduction="sum"))
            right += int((logits_NV.argmax(dim=-1) == targets_N).sum())
            tokens += len(targets_N)
    best = search_captions(model, data, items, longest, search, language=language, progress=progress)
    texts = [vocabulary.decode(found[0].tokens) if found else "" for found in best]
    captions = data.data.captions or []
    references = [[vocabulary.text.in_form(text) for text in captions[item]] for item in items.tolist()]
    loss = nats / max(tokens, 1)
    figures = {
        "loss": loss,
        "perplexity": perplexity(loss),
        "accuracy": right / max(tokens, 1),
        "exact": exact_match(texts, [vocabulary.plain(each) for each in references]),
    }
    if has_bleu():
        figures |= bleu_metrics(texts, references, lowercase=vocabulary.lowercase, tokenizer=tokenizer)
    return figures, texts


def signatures(data: EncodedCaptions, vocabulary: CaptionerVocabulary, tokenizer: str = "13a") -> dict[str, str]:
    """Return the sacrebleu signatures of the metrics on `data`."""
    found = bleu_signatures(data.data.captions or (), lowercase=vocabulary.lowercase, tokenizer=tokenizer)
    return {f"{name}_signature": signature for name, signature in found.items()}


def search_captions(
    model: CaptionerNetwork,
    data: EncodedCaptions,
    items: Ints,
    longest: int,
    search: SearchConfig,
    *,
    attention: bool = False,
    batch_size: int = _ROWS,
    language: LanguageModelScorer | None = None,
    progress: Progress | None = None,
) -> list[list[Hypothesis]]:
    """Return the hypotheses of each item, best first. `progress` is called with "writing" and a fraction.

    language  scores the tokens for shallow fusion
    """
    found: list[list[Hypothesis]] = []
    banned = (UNKNOWN_ID,)
    hypotheses = len(items) * (search.n_best if search.sample else search.beams)
    with torch.no_grad(), threads_for(hypotheses, model):
        # Sampling needs all logits.
        advance = model.advance if search.sample else model.packed_advance("float32")
        for number, start in enumerate(range(0, len(items), batch_size)):
            part = items[start : start + batch_size]
            state, memory = model.encode(data.items(part).to(model.device))
            found += find(
                advance,
                state,
                memory,
                rows=len(part),
                start=model.bos_id,
                end=END_ID,
                limits_B=[search.max_length or longest] * len(part),
                search=search.of_batch(number),
                banned=banned,
                attention=attention,
                language=language,
            )
            if progress is not None:
                progress("writing", len(found) / len(items))
    return found


def unknown_tokens(vocabulary: CaptionerVocabulary, captions: Sequence[Sequence[str]]) -> str | None:
    """Return a sentence about unknown tokens in the captions, or None."""
    count = vocabulary.count_unknown([text for row in captions for text in row])
    return f"{count:,} {vocabulary.text.unit}s of the captions are unknown and cannot be generated" if count else None


class CaptionerSetup(
    SequenceSetup[CaptionerConfig, CaptionerNetwork, Parts[CaptionDataset], CaptionerVocabulary, EncodedCaptions]
):
    """Setup of a captioner."""

    task = "captioner"
    config_class = CaptionerConfig
    vocabulary_class = CaptionerVocabulary
    start_scaling = ("mean_C", "deviation_C")
    start_replaces = SequenceSetup.start_replaces | {"image_weights"}
    unit = "token"
    item = "item"

    @classmethod
    def read_part(
        cls, paths: Sequence[Any], config: CaptionerConfig, progress: Progress | None = None
    ) -> CaptionDataset:
        return read_captioned(paths, config.data)

    @staticmethod
    def make_network(config: CaptionerConfig, vocabulary: CaptionerVocabulary) -> CaptionerNetwork:
        """Return a network for the items and tokens of this vocabulary."""
        return _network(config, vocabulary.item, vocabulary.text.size)

    @classmethod
    def make_smallest_network(cls, config: CaptionerConfig) -> CaptionerNetwork:
        """Return a network for images, to which all options apply; the actual items are checked when they are read."""
        check_size(config.data.image_size)
        item = ItemSpec("images", (64, 64, 3), whole=True)
        if not config.network.vector_size and not config.network.image_encoder:
            item = ItemSpec("vectors", (8,))
        return _network(config, item, 4)

    def learn_vocabulary(self) -> CaptionerVocabulary:
        """Return the shape of the training items and the tokens of their captions."""
        self._check_captions()
        return CaptionerVocabulary.learn(self.parts.train, self.config.text, self.config.data.feature_columns)

    def vocabulary_from_start(self, learnt: CaptionerVocabulary, source: StartModel) -> CaptionerVocabulary:
        """Return the tokens of a model with those of the captions; items must be like those that it reads."""
        known: CaptionerVocabulary = source.vocabulary
        item = known.item
        if not self.keeps_scales:
            unscaled = dataclasses.replace(item, centre=()).check(self.parts.train)
            item = dataclasses.replace(item, centre=centre_of([unscaled.items]))
        text = known.text.extended(learnt.text) if self.extends_vocabulary else known.text
        return CaptionerVocabulary(item, text)

    @classmethod
    def entries_of(cls, config: CaptionerConfig, vocabulary: CaptionerVocabulary) -> Mapping[str, Entries]:
        """Return the tokens of embedding and output layer; the start token is the last row of the embedding."""
        del config
        tokens = vocabulary.text.entries()
        return {"embed.weight": ((*tokens, "<start>"), None), "head.weight": (tokens, None), "head_bias_V": (tokens,)}

    def text_vocabularies(self) -> list[Vocabulary]:
        return [self.vocabulary.text]

    def training_texts(self) -> Iterator[str]:
        return chain.from_iterable(self.parts.train.captions or ())

    def _check_captions(self) -> None:
        for _, part in self.parts.named():
            if part is not None and part.captions is None:
                raise DataError(f"{part.name}: expected a caption for every item. Received: none")

    def encode(self) -> None:
        self._check_captions()
        super().encode()

    def encode_part(self, part: CaptionDataset, *, training: bool = False) -> EncodedCaptions:
        """Encode a split, without too long captions in training."""
        return EncodedCaptions(part, self.vocabulary, self.config.text.max_length * training)

    def init_network(self) -> None:
        """Set the scale of the items, and load the weights of a pretrained image encoder."""
        for member in members_of(self.network):
            member.standardise(self._train.data.items)
            if self.config.network.image_weights and member.pretrained is not None:
                member.pretrained.read_weights(self.config.network.image_weights)

    def word_embeddings(self) -> list[WordEmbedding]:
        return [word_embedding(self.vocabulary.text, lambda: self._train.tokens)]

    def notes(self) -> list[str]:
        """Report captions that are too long."""
        train, most = self._train, self.config.text.max_length
        fate = f"longer than the {most} tokens of max_length and are left out"
        every = len(train) + train.longer
        advice = "a larger max_length keeps them"
        return [*super().notes(), *too_long(train.longer, every, "training captions", fate, advice)]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown tokens of the captions."""
        text = self.vocabulary.text
        for name, part in (("training", self.parts.train), ("validation", self.parts.valid)):
            if part is not None:
                counts = unknown_in_texts(text, [caption for row in part.captions or () for caption in row])
                yield counts, f"{text.unit}s of the {name} captions", token_advice(self.config.text, text.kind)

    def objective(self) -> CaptionObjective:
        """Return the loss of captions."""
        text = self.config.text
        tokenizer = tokenizer_for(text.bleu_tokenizer)
        return CaptionObjective(self.network, self.vocabulary, self._valid, text.max_length, tokenizer)

    def comparison(self, limit: int) -> Comparison | None:
        if (compared := self.compared_part()) is None:
            return None
        name, _, encoded = compared
        items, vocabulary, text = evenly(len(encoded.data), MOST), self.vocabulary, self.config.text
        del limit

        def write() -> list[str]:
            best = search_captions(self.network, encoded, items, text.max_length, _GREEDY)
            return [vocabulary.decode(found[0].tokens) if found else "" for found in best]

        held, train = encoded.data.take(items), self._train.data
        tokenizer = tokenizer_for(text.bleu_tokenizer)
        how = {"lowercase": vocabulary.lowercase, "unicode_form": vocabulary.text.unicode_form, "tokenizer": tokenizer}
        return comparison_of(write, train, held, name, **how)

    @property
    def evaluation_cost(self) -> float:
        """Captions are also generated, token by token."""
        return 4.0 * super().evaluation_cost

    @property
    def loss_name(self) -> str:
        return f"nats per {self.vocabulary.text.unit}"

    def sample(self) -> str:
        """Return an item's place with its generated caption and its first own one."""
        part = example_of(self.parts, self.sample_number)
        items, longest = np.arange(1), self.config.text.max_length
        (best,) = search_captions(self.network, self.encode_part(part), items, longest, _GREEDY)
        text = self.vocabulary.decode(best[0].tokens) if best else ""
        return compared([("item", part.places[0]), ("caption", text), ("right", (part.captions or [[""]])[0][0])])

    @property
    def plotted_metrics(self) -> list[str]:
        return ["accuracy"]

    def describe(self, figures: Mapping[str, float]) -> str:
        shown = [f"exact {figures['exact']:.2%}"]
        if "bleu" in figures:
            shown.append(f"BLEU {figures['bleu']:.1f}")
        return ", ".join([*shown, f"token accuracy {figures['accuracy']:.2%}", f"loss {number_text(figures['loss'])}"])

    def data_facts(self) -> dict[str, Any]:
        """Return the number of items and captions in each split."""
        return {
            "kind": self.vocabulary.item.kind,
            **self.part_sizes(items=len, captions=lambda part: part.texts),
            "longer_than_max_length": self._train.longer,
        }

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, inputs and tokens."""
        text = self.vocabulary.text
        return [
            *self.part_rows(items="items", captions="captions"),
            ("input", self.vocabulary.item.describe()),
            ("answer", f"{text.size:,} {text.unit}s"),
        ]

    def summary(self) -> str:
        facts, text = self.data, self.vocabulary.text
        return (
            f"{self.network_summary}; "
            f"{facts['train_captions']:,} captions of {facts['train_items']:,} {self.vocabulary.item.kind} to train "
            f"on, {text.size:,} {text.unit}s"
        )


def _network(config: CaptionerConfig, item: ItemSpec, tokens: int) -> CaptionerNetwork:
    """Return a network, or an ensemble, for items of this kind and so many tokens."""
    return CaptionerEnsemble.of(config.network.members, partial(CaptionerNetwork, item, tokens, config.network))
