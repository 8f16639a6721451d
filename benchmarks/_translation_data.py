"""Multi30k German to English as token ids, the same for all translators that are compared.

usage: python benchmarks/_translation_data.py FOLDER [--vocabulary 8000] [--source de] [--target en]

Lower-cased text is split into subwords by one byte-pair encoding for both languages, trained on the training sentences
with the `tokenizers` library. These files are written to FOLDER:

- numbers.npz: the concatenated ids of every file, `NAME.LANGUAGE.ids`, and the position where each sentence begins,
- pieces.txt: every subword, its id is its line number; `▁` begins a word,
- NAME.LANGUAGE: the text, one sentence per line, and NAME.pieces.LANGUAGE: its subwords separated by spaces.

Reading requires only numpy, so that a peer in a separate environment can read the data too.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

UNKNOWN, PAD, BEGIN, END = range(4)
SPECIALS = ("<unk>", "<pad>", "<s>", "</s>")
WORD = "▁"
NAMES = {"train": "train", "val": "val", "test": "test_2016_flickr"}

Ids = npt.NDArray[np.int64]
Pair = tuple[Ids, Ids]


class Corpus(NamedTuple):
    """Training, validation and test pairs of sentences as ids, without begin and end tokens."""

    vocabulary: int
    train: list[Pair]
    val: list[Pair]
    test: list[Pair]


def sentences(folder: Path, name: str, language: str) -> list[str]:
    """Return the lower-cased lines of a file of Multi30k."""
    with gzip.open(folder / f"{NAMES[name]}.{language}.gz", "rt", encoding="utf-8") as file:
        return [line.strip().lower() for line in file]


def prepare(folder: Path, vocabulary: int, languages: tuple[str, str]) -> None:
    """Write the ids, subwords and text of Multi30k to `folder`."""
    from _common import dataset
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    found = dataset("translation/multi30k")
    texts = {(name, language): sentences(found, name, language) for name in NAMES for language in languages}
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[UNKNOWN]))
    marks = pre_tokenizers.Split(Regex(r"[^\w▁]"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(WORD), marks])
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(SPECIALS), show_progress=False)
    tokenizer.train_from_iterator((line for language in languages for line in texts["train", language]), trainer)
    if tokenizer.get_vocab_size() != vocabulary:
        raise SystemExit(f"expected {vocabulary} pieces. Received: {tokenizer.get_vocab_size()}")
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for (name, language), lines in texts.items():
        encoded = tokenizer.encode_batch(lines)
        arrays[f"{name}.{language}.ids"] = np.concatenate([each.ids for each in encoded]).astype(np.int32)
        arrays[f"{name}.{language}.begins"] = np.cumsum([0, *(len(each.ids) for each in encoded)], dtype=np.int32)
        (folder / f"{name}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        pieces = "\n".join(" ".join(each.tokens) for each in encoded)
        (folder / f"{name}.pieces.{language}").write_text(pieces + "\n", encoding="utf-8")
    listed = [tokenizer.id_to_token(number) or "" for number in range(vocabulary)]
    (folder / "pieces.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    arrays |= {"languages": np.array(languages), "vocabulary": np.array(vocabulary)}
    np.savez(folder / "numbers.npz", allow_pickle=False, **arrays)


def read_corpus(folder: Path) -> Corpus:
    """Read the files that `prepare` wrote."""
    path = folder / "numbers.npz"
    if not path.exists():
        raise SystemExit(f"expected {path.name}, made by benchmarks/_translation_data.py. Received: none in {folder}")
    with np.load(path) as stored:
        languages = [str(each) for each in stored["languages"]]

        def side(name: str, language: str) -> list[Ids]:
            begins = stored[f"{name}.{language}.begins"]
            return np.split(stored[f"{name}.{language}.ids"].astype(np.int64), begins[1:-1])

        pairs = {name: list(zip(*(side(name, each) for each in languages), strict=True)) for name in NAMES}
        return Corpus(int(stored["vocabulary"]), **pairs)


def training_batches(pairs: list[Pair], size: int, seed: int = 0, longest: int = 60) -> list[list[Pair]]:
    """Return one epoch of batches of `size` pairs of similar length, in a random order.

    Pairs are sorted by the number of target subwords, then of source subwords, so that there is little padding. Pairs
    with a side longer than `longest`, and an incomplete last batch, are left out.
    """
    draw = np.random.default_rng(seed)
    kept = [pair for pair in pairs if min(map(len, pair)) > 0 and max(map(len, pair)) <= longest]
    order = sorted(draw.permutation(len(kept)), key=lambda number: (len(kept[number][1]), len(kept[number][0])))
    batches = [[kept[number] for number in order[at : at + size]] for at in range(0, len(order) - size + 1, size)]
    return [batches[number] for number in draw.permutation(len(batches))]


def padded(rows: list[Ids], begin: bool = False, end: bool = False) -> tuple[Ids, Ids]:
    """Pad rows to one array, int64 B x T; return it and the lengths, int64 B."""
    lengths = np.array([len(row) + begin + end for row in rows], dtype=np.int64)
    array = np.full((len(rows), lengths.max()), PAD, dtype=np.int64)
    for at, row in enumerate(rows):
        array[at, begin : begin + len(row)] = row
        if begin:
            array[at, 0] = BEGIN
        if end:
            array[at, lengths[at] - 1] = END
    return array, lengths


def text_of(pieces: list[str], ids: list[int]) -> str:
    """Join the subwords of a sentence into text."""
    return "".join(pieces[each] for each in ids if each >= len(SPECIALS)).replace(WORD, " ").strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--source", default="de")
    parser.add_argument("--target", default="en")
    arguments = parser.parse_args()
    prepare(arguments.folder, arguments.vocabulary, (arguments.source, arguments.target))
    corpus = read_corpus(arguments.folder)
    batches = training_batches(corpus.train, 64)
    for side, language in enumerate((arguments.source, arguments.target)):
        pieces = sum(len(pair[side]) for batch in batches for pair in batch)
        places = sum(len(batch) * max(len(pair[side]) for pair in batch) for batch in batches)
        print(f"{language}: {pieces / len(batches) / 64:.1f} pieces a sentence, {1 - pieces / places:.1%} padding")


if __name__ == "__main__":
    main()
