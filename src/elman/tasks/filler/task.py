"""Task description of the filler."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, text_argument

__all__ = ["TASK"]

TASK = Task(
    name="filler",
    package=__package__,
    model=".model:Filler",
    paired=".paired:paired_items",
    config=".config:FillerConfig",
    rank=8,
    summary="Filler: finds the missing word of a text.",
    facts=".endpoints:vocabulary_facts",
    data=text_argument(toml="such as `hidden_size = 512` or `cell_options = {peepholes = true}`"),
    help="""Train a network that finds the missing word of a text, from the words before and after it.

Every word of the text is predicted once per epoch. Without `--max-steps`, `--max-epochs` or `--max-seconds`, training
takes ten minutes. Ctrl-C saves a checkpoint and stops; `elman train --resume MODEL` continues.""",
    examples=(
        "train filler book.txt -o model",
        "train filler sentences.txt -o model --documents lines --lowercase",
        "train filler train.txt --valid valid.txt --test test.txt -o model --max-seconds 3600 --preset large",
        "train filler book.txt -o model --from words-model",
    ),
    card=CardSnippet(
        pipeline="fill-mask",
        shell='elman fill MODEL "the cat ___ on the mat"',
        python='print(model.fill("the cat ___ on the mat").text)',
    ),
    endpoints=(
        Endpoint(
            verb="fill",
            summary="Fill the gaps of a text, or find suspicious words.",
            help="""Fill the gaps of a text with the most likely words.

Three or more underscores stand for a missing word. An argument is a text if it has a gap, and otherwise a file, which
is filled line by line. The probabilities of a gap are those without the words of other gaps; the words that are filled
in are the best ones together. With `--suspicious`, the words of a text that are less likely than another one in their
place are shown.""",
            examples=(
                'fill model "the cat ___ on the mat"',
                'fill model "the ___ sat on the ___" --top 3 --json',
                'fill model "the cat ___ on the mat" --candidates sat sits sit',
                "fill model lines.txt -o filled.txt",
                "fill model --suspicious draft.txt",
            ),
            data=DataArgument(name="texts", help="Texts with gaps, or files of lines; - for standard input."),
            options=".endpoints:FillOptions",
            answer=".endpoints:fill",
        ),
        evaluate_endpoint(
            help="Fillers: nats per word, perplexity, accuracy, the share of words among the first five answers, and "
            "that of unknown words.",
            options=".endpoints:EvaluateFillerOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
