"""Word vectors: tables of words and their vectors, and the files in which they are exchanged. Does not import torch.

table.py      `WordTable`: the words and vectors in memory or in a mapped file
requested.py  the vectors of the words of a vocabulary, to initialise an embedding
"""

from elman.data.word_vectors.requested import WordVectors, read_vectors
from elman.data.word_vectors.table import Composer, WordTable

__all__ = ["Composer", "WordTable", "WordVectors", "read_vectors"]
