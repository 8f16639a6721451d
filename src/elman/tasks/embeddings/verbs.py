"""Descriptions of the endpoints of word vectors. Does not import torch."""

from __future__ import annotations

from elman.tasks.task import DataArgument, Endpoint

__all__ = ["QUERY_ENDPOINTS"]

_FILE = """MODEL is a trained model, or a file of word vectors of word2vec, GloVe or fastText."""

QUERY_ENDPOINTS = (
    Endpoint(
        verb="neighbours",
        summary="Find the nearest words of words.",
        help=f"""Show the words whose vectors have the highest cosine with that of each word.

{_FILE}""",
        examples=("neighbours model king queen", "neighbours vectors.bin Paris --top 20 --json"),
        data=DataArgument(name="words", help="Words."),
        options=".endpoints:NeighbourOptions",
        answer=".endpoints:neighbours",
    ),
    Endpoint(
        verb="analogy",
        summary="Answer an analogy such as king - man + woman, or a file of them.",
        help=f"""Answer an analogy, or with `--questions` show the accuracy on a file of analogies by section.

Words of the question are no answers. {_FILE}""",
        examples=(
            "analogy model king - man + woman",
            "analogy model --plus king --plus woman --minus man --method mul",
            "analogy model --questions questions-words.txt",
        ),
        data=DataArgument(name="expression", help="Words with + and - between them."),
        options=".endpoints:AnalogyOptions",
        answer=".endpoints:analogy",
    ),
    Endpoint(
        verb="similarity",
        summary="Compute the cosine of two words, or its correlation with people's scores.",
        help=f"""Show the cosine of two words, or with `--pairs` its correlation with people's scores.

{_FILE}""",
        examples=("similarity model king queen", "similarity model --pairs wordsim353.tsv"),
        data=DataArgument(name="words", help="Two words."),
        options=".endpoints:SimilarityOptions",
        answer=".endpoints:similarity",
    ),
    Endpoint(
        verb="project",
        summary="Draw words in two dimensions.",
        help=f"""Project words to two dimensions: a picture, coordinates, or files for TensorBoard's projector.

{_FILE}""",
        examples=(
            "project model -o words.png",
            "project model king queen man woman -o words.svg",
            "project model --method tsne --top 500 -o projection",
        ),
        data=DataArgument(name="words", help="Words; by default the first ones."),
        options=".endpoints:ProjectOptions",
        answer=".endpoints:project",
    ),
)
