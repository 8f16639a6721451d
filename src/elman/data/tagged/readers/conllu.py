"""Reader of sentences in CoNLL-U."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.data.readers import Reader

if TYPE_CHECKING:
    from elman.data.inputs import InputFile
    from elman.data.tagged.options import ReadOptions
    from elman.data.tagged.tagged import TaggedDataset


def _read(file: InputFile, options: ReadOptions) -> TaggedDataset:
    from elman.data.tagged.conllu import read_conllu

    lines = options.lines(file.path, file.name)
    return read_conllu(lines, file.name, tag_column=options.tag_column or "upos", with_tags=options.with_tags)


READER = Reader("conllu", _read, suffixes=(".conllu", ".conllup"), rank=1)
