"""Task description of word vectors."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.embeddings.verbs import QUERY_ENDPOINTS
from elman.tasks.task import Task, evaluate_endpoint, text_argument

__all__ = ["TASK"]

TASK = Task(
    name="embeddings",
    package=__package__,
    model=".model:Embeddings",
    config=".config:EmbeddingsConfig",
    rank=8,
    summary="Word vectors of text.",
    data=text_argument(toml="such as `embedding = 300`"),
    help="""Train word vectors on text.

Words are made lower case and punctuation is dropped unless options say otherwise. By default, training takes five
passes over the text. Ctrl-C saves a checkpoint and stops; `elman train --resume MODEL` continues.""",
    examples=(
        "train embeddings corpus/ -o model",
        "train embeddings corpus.txt -o model --objective cbow --embedding 300 --max-epochs 10",
        "train embeddings corpus.txt -o model --phrases 2 --fast",
    ),
    card=CardSnippet(
        pipeline="feature-extraction",
        shell="elman neighbours MODEL the",
        python='print(model.neighbours("the"))',
    ),
    reads_files=True,
    endpoints=(
        *QUERY_ENDPOINTS,
        evaluate_endpoint(
            help="""Evaluate a model on held-out data.

Word vectors: nats per pair of words that are close to each other in the text, and the share of words of noise that have
a lower score than the true word.""",
            examples=("evaluate vectors text.txt",),
            options=".evaluate:EvaluateWordsOptions",
            answer=".evaluate:evaluate",
        ),
    ),
)
