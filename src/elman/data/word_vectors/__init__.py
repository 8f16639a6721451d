"""Word vectors: tables of words and their vectors, and the files in which they are exchanged. Does not import torch.

table.py       `WordTable`: the words and vectors in memory or in a mapped file
read.py        `read_table`: files of word2vec, GloVe and fastText
source.py      the bytes of a file, and which format they have
blocks.py      readers of the text and the binary format, a block of words at a time
mapped.py      tables in files of the cache, which are mapped to memory
write.py       `write_table`: the same formats
search.py      the words with the highest scores
projection.py  projections to two dimensions
"""

from elman.data.word_vectors.read import read_table
from elman.data.word_vectors.source import FORMATS
from elman.data.word_vectors.table import Composer, WordTable
from elman.data.word_vectors.write import write_table

__all__ = ["FORMATS", "Composer", "WordTable", "read_table", "write_table"]
