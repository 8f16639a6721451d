"""Vocabulary of byte-level BPE tokens, based on the `tokenizers` library.

The library is imported when the first vocabulary of this kind is created.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from elman.data.vocabulary.base import (
    END,
    MAX_SIZE,
    UNKNOWN,
    UNKNOWN_ID,
    Ids,
    Vocabulary,
    any_joins,
    check_count,
    check_fields,
    check_stored_form,
    display,
    stored_form,
)
from elman.data.vocabulary.marks import marks
from elman.data.vocabulary.unicode_forms import KEEP, check_form, in_form
from elman.errors import ArtifactError, DataError

__all__ = ["LEARNT_FROM", "SubwordVocabulary"]

# More bytes of text than this hardly change the merges, but cost time and memory.
LEARNT_FROM = 64 << 20
SPECIALS = (UNKNOWN, END)
SMALLEST = len(SPECIALS) + 256
# Characters per chunk: the library stores much more per token than its id.
CHUNK = 1 << 14
BATCH = 16
# Average characters per chunk above which threads are faster.
THREADS_FROM = 256
REPLACEMENT = "\ufffd"
THREADS = "TOKENIZERS_PARALLELISM"
# The parts that the merges of a vocabulary stay inside of: "letters" as GPT-2 cuts words, before every combining mark;
# "marks" keeps combining marks and joiners in their word or emoji.
CUTS = ("letters", "marks")
_PARTS = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}[\p{L}\p{M}\x{200C}\x{200D}]*| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


class SubwordVocabulary(Vocabulary):
    """Byte-level BPE vocabulary: frequent byte sequences are one token, and any text can be encoded.

    `vocabulary` maps tokens in the spelling of the library to ids; `merges` are the pairs to join, by priority; `cut`
    says whether words are cut before combining marks ("letters", as earlier versions did) or not ("marks"). Texts are
    brought into `unicode_form` first.
    """

    kind: ClassVar[str] = "subwords"
    unit: ClassVar[str] = "token"
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"vocabulary_size": "size", "unicode_form": "unicode_form"}
    )

    def __init__(
        self,
        vocabulary: dict[str, int],
        merges: list[tuple[str, str]],
        cut: str = "letters",
        *,
        unicode_form: str = KEEP,
    ) -> None:
        self.unicode_form = check_form(unicode_form)
        spelling = _bytes_of_characters()
        self._bytes = [b""] * len(vocabulary)
        for token, number in vocabulary.items():
            if number >= len(SPECIALS):
                self._bytes[number] = bytes(spelling[character] for character in token)
        self._table = vocabulary
        self._merges = merges
        self._cut = cut
        self._tokenizer = _tokenizer(vocabulary, merges, cut)

    @classmethod
    def learn(cls, pieces: Iterable[str], *, size: int = 4096, unicode_form: str = KEEP) -> SubwordVocabulary:
        """Learn at most `size` tokens from the first 64 MiB (as UTF-8) of the text.

        Raises ConfigError for a size under 258 (two special tokens and every byte), DataError for an empty text.
        """
        check_count("size", size, SMALLEST)
        check_form(unicode_form)
        from tokenizers import Tokenizer, models, trainers

        read = 0
        marked = False
        mark = re.compile(f"[{marks()}]")

        def first_chunks() -> Iterator[str]:
            nonlocal read, marked
            for piece in pieces:
                for chunk in _chunks(in_form(piece, unicode_form)):
                    marked = marked or mark.search(chunk) is not None
                    yield chunk.encode("utf-8", "replace").decode("utf-8")
                    read += len(chunk.encode("utf-8", "replace"))
                    if read >= LEARNT_FROM:
                        return

        learner = Tokenizer(models.BPE())
        learner.pre_tokenizer = _pre_tokenizer("marks")
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(_bytes_of_characters()),
            show_progress=False,
        )
        _use_threads(True)
        try:
            learner.train_from_iterator(first_chunks(), trainer)
        finally:
            _use_threads(False)
        if not read:
            raise DataError("expected some text to learn tokens from. Received: none")
        model = json.loads(learner.to_str())["model"]
        # Without marks, the vocabulary is that of earlier versions.
        merges = [_pair(merge) for merge in model["merges"]]
        return cls(model["vocab"], merges, "marks" if marked else "letters", unicode_form=unicode_form)

    @property
    def size(self) -> int:
        return len(self._bytes)

    def encode(self, text: str) -> Ids:
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        chunks: list[str] = []
        counts = []
        for text in texts:
            before = len(chunks)
            chunks += _chunks(self.in_form(text).encode("utf-8", "replace").decode("utf-8"))
            counts.append(len(chunks) - before)
        encoded: list[Ids] = []
        batch = max(BATCH, min(len(chunks), 1024) if len(texts) > 1 else BATCH)
        _use_threads(sum(map(len, chunks)) > THREADS_FROM * len(chunks) and len(chunks) > 1)
        try:
            for start in range(0, len(chunks), batch):
                for found in self._tokenizer.encode_batch_fast(chunks[start : start + batch]):
                    encoded.append(np.array(found.ids, dtype=np.int64))
        finally:
            _use_threads(False)
        ends = np.cumsum([0, *counts])
        empty = [np.zeros(0, dtype=np.int64)]
        return [np.concatenate(empty + encoded[a:b]) for a, b in pairwise(ends)]

    def encode_start(self, text: str) -> Ids:
        # The last white space is cut as it is before a word; a space there is part of the word's token.
        if not text or not text[-1].isspace():
            return self.encode(text)
        word = " x" if text[-1] == " " else "x"
        ids = self.encode(text.removesuffix(" ") + word)
        return ids[: len(ids) - len(self.encode(word))]

    def held_back(self, text: str) -> str:
        return " " if text.endswith(" ") else ""

    def encode_continuation(self, start: str, text: str) -> Ids:
        # The last space of the start is part of the first word's token.
        before, whole = self.encode_start(start), self.encode(start + text)
        goes_on = len(whole) > len(before) and np.array_equal(whole[: len(before)], before)
        return whole[len(before) :] if goes_on else self.encode(text)

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        return self._decoded(ids, "replace")

    def generated_stream(self, ids: Iterable[int]) -> Iterator[str]:
        # Any sequence of bytes can be generated; those that are no character have no text.
        return self._decoded(ids, "ignore")

    def _decoded(self, ids: Iterable[int], errors: str) -> Iterator[str]:
        # Holds back the first bytes of a character until it is complete.
        decoder = codecs.getincrementaldecoder("utf-8")(errors)
        for number in ids:
            number = self.check_number(number)
            if number >= len(SPECIALS):
                yield decoder.decode(self._bytes[number])
            else:
                yield decoder.decode(b"", final=True) + (REPLACEMENT if number == UNKNOWN_ID else "")
                decoder.reset()
        if rest := decoder.decode(b"", final=True):
            yield rest

    def token(self, number: int) -> str:
        number = self.check_number(number)
        if number < len(SPECIALS):
            return SPECIALS[number]
        raw = self._bytes[number]
        try:
            return display(raw.decode("utf-8"))
        except UnicodeDecodeError:
            return "".join(f"<{byte:02x}>" for byte in raw)

    def entries(self) -> tuple[str | bytes, ...]:
        return (*SPECIALS, *self._bytes[len(SPECIALS) :])

    def count_unknown(self, text: str) -> dict[str, int]:
        """Return an empty dict: every byte is a token, so nothing is unknown."""
        return {}

    def to_json(self) -> dict[str, Any]:
        stored = {"kind": self.kind, "tokenizer": json.loads(self._tokenizer.to_str())}
        return {**stored, **stored_form(self.unicode_form)}

    def has_joining(self) -> bool:
        return self._cut == "marks" or any(any_joins(raw.decode("utf-8", "ignore")) for raw in self._bytes)

    def fingerprint(self) -> str:
        """Return a hash of the tokens and merges, independent of the JSON format of the library's version."""
        cut = [] if self._cut == "letters" else [self._cut]
        form = [] if self.unicode_form == KEEP else [self.unicode_form]
        content = json.dumps([self.kind, sorted(self._table.items()), self._merges, *cut, *form])
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    @classmethod
    def from_json(cls, content: object) -> SubwordVocabulary:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        if isinstance(content, dict):
            content = {"unicode_form": KEEP, **content}
        fields = check_fields(content, {"kind": str, "tokenizer": dict, "unicode_form": str}, "a subword vocabulary")
        stored = fields["tokenizer"]
        model = stored.get("model")
        model = model if isinstance(model, dict) else {}
        table, merges = model.get("vocab"), model.get("merges")
        if not isinstance(table, dict) or not isinstance(merges, list):
            raise ArtifactError("expected a subword vocabulary with a table of tokens and merges. Received: none")
        vocabulary = _checked_table(table)
        pairs = [_pair(merge) for merge in merges]
        for pair in pairs:
            if pair[0] not in table or pair[1] not in table or pair[0] + pair[1] not in table:
                raise ArtifactError(f"expected merges of tokens of the vocabulary. Received: {str(pair)[:80]}")
        if len(set(pairs)) != len(pairs) or len(pairs) > MAX_SIZE:
            raise ArtifactError(f"expected every merge once. Received: {len(pairs)}, some twice")
        cut = _stored_cut(stored.get("pre_tokenizer"))
        if cut is None or stored.get("normalizer") is not None or stored.get("added_tokens") != []:
            raise ArtifactError("expected a plain byte-level BPE tokenizer. Received: one with other steps")
        return cls(vocabulary, pairs, cut, unicode_form=check_stored_form(fields["unicode_form"]))


def _stored_cut(before: object) -> str | None:
    """Return the value of `cut` for a stored pre-tokenizer; None for one that no vocabulary has."""
    if not isinstance(before, dict):
        return None
    if before.get("type") == "ByteLevel" and before.get("add_prefix_space") is False:
        return "letters"
    return "marks" if before == json.loads(_tokenizer({}, [], "marks").to_str())["pre_tokenizer"] else None


def _checked_table(table: dict[Any, Any]) -> dict[str, int]:
    if not SMALLEST <= len(table) <= MAX_SIZE:
        raise ArtifactError(f"expected {SMALLEST} to {MAX_SIZE} tokens. Received: {len(table)}")
    if not all(type(number) is int for number in table.values()) or set(table.values()) != set(range(len(table))):
        raise ArtifactError(f"expected tokens with the ids 0 to {len(table) - 1}, each once. Received: other ids")
    characters = _bytes_of_characters()
    if (
        any(table.get(token) != number for number, token in enumerate(SPECIALS))
        or not characters.keys() <= table.keys()
    ):
        raise ArtifactError("expected the special tokens and every byte in a vocabulary. Received: one without some")
    for token in table:
        if token not in SPECIALS and not (token and all(character in characters for character in token)):
            raise ArtifactError(f"expected tokens spelled in bytes. Received: {token[:40]!r}")
    return table


def _pre_tokenizer(cut: str) -> Any:
    """Return the step of the library that cuts a text into words before merges."""
    from tokenizers import Regex, pre_tokenizers

    if cut == "letters":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    in_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_PARTS), "isolated"), in_bytes])


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]], cut: str) -> Any:
    """Return a tokenizer of the library. Special tokens are only in its table, so no text is encoded as one."""
    from tokenizers import Tokenizer, decoders, models

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = _pre_tokenizer(cut)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pair(merge: object) -> tuple[str, str]:
    # Older versions of the library write a pair as one string.
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if isinstance(parts, list | tuple) and len(parts) == 2 and all(type(part) is str for part in parts):
        return parts[0], parts[1]
    raise ArtifactError(f"expected a merge to be a pair of tokens. Received: {str(merge)[:80]}")


@cache
def _chosen_outside() -> bool:
    return THREADS in os.environ


@cache
def _first_process() -> int:
    return os.getpid()


def _use_threads(on: bool) -> None:
    # Threads do not survive a fork, so a forked process that used the library's threads would hang. Setting the
    # variable also silences the library's warning about forks.
    wanted = "true" if on and _first_process() == os.getpid() else "false"
    if not _chosen_outside() and os.environ.get(THREADS) != wanted:
        os.environ[THREADS] = wanted


def _chunks(text: str) -> Iterator[str]:
    """Cut `text` where this does not change its tokens: before a space or newline that does not follow white space."""
    start = 0
    while len(text) - start > CHUNK:
        cut = _last_border(text, start + 1, start + CHUNK)
        yield text[start:cut]
        start = cut
    if start < len(text):
        yield text[start:]


def _last_border(text: str, low: int, high: int) -> int:
    at = high
    while (at := max(text.rfind(" ", low, at), text.rfind("\n", low, at))) > 0:
        if not text[at - 1].isspace():
            return at
    return high


@cache
def _bytes_of_characters() -> dict[str, int]:
    """Return the byte of each character in the byte alphabet of the library.

    A byte that is printable in Latin-1 is that character; the others have the code points from 256.
    """
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
