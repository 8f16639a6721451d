"""Task description of word vectors."""

from __future__ import annotations

from elman.tasks.embeddings.verbs import QUERY_ENDPOINTS
from elman.tasks.task import DataArgument, Task

__all__ = ["TASK"]

TASK = Task(
    name="embeddings",
    package=__package__,
    model=".model:Embeddings",
    config=".config:EmbeddingsConfig",
    rank=8,
    summary="Word vectors of text.",
    data=DataArgument(help="Files, folders or globs; - for standard input.", name="text", noun="text"),
    help="Train word vectors on text.",
    reads_files=True,
    endpoints=QUERY_ENDPOINTS,
)
