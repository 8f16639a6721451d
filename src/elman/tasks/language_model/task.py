"""The description of the language model."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="language-model",
    package=__package__,
    model=".model:LanguageModel",
    config=".config:LanguageModelConfig",
    rank=1,
    summary="A language model, on text.",
    command="lm",
    streams=True,
    facts=".endpoints:vocabulary_facts",
    data=DataArgument(
        help="Files, folders or globs; - for standard input. `.gz` is read as it is.",
        name="text",
        noun="text",
        valid="Texts of their own for validation.",
        test="Texts of their own for the last test.",
        cache="Where to keep texts as tokens.",
        toml="such as `hidden = 512` or `cell_options = {peepholes = true}`",
    ),
    help="""Train a language model on text.

Without `--max-steps`, `--max-epochs` or `--max-seconds` it trains for ten minutes. Ctrl-C stops it so that
`elman train --resume MODEL` goes on.""",
    examples=(
        "train lm book.txt -o model",
        "train lm corpus/ -o model --preset large --cell gru --max-seconds 3600",
        "train lm train.txt --valid valid.txt --test test.txt -o model --tokens words --split 1,0,0",
        "train lm book.txt -o model --config options.toml --dry-run",
    ),
    card=CardSnippet(
        pipeline="text-generation",
        shell='elman generate MODEL --prompt "Once upon"',
        python='print(model.generate("Once upon"))',
    ),
    endpoints=(
        Endpoint(
            verb="generate",
            summary="Draw new text from a language model.",
            help="Generate text, printed as it comes.",
            examples=(
                'generate model --prompt "Call me" --length 500 --temperature 0.8',
                "generate model --samples 5 --top-p 0.9 --seed 1",
                'echo "Call me" | elman generate model -',
            ),
            data=DataArgument(
                help="A file with the prompt; - for standard input. One line end at its end is left out.",
                name="prompt-file",
                several=False,
            ),
            options=".endpoints:GenerateOptions",
            answer=".endpoints:generate",
        ),
        score_endpoint(
            help="""Tell how likely each line of a text is, or each target given its source: log-probability and
perplexity by token.

A language model scores every line on its own, with nats a character too; empty lines are left out.""",
            examples=(
                "score model lines.txt --rank",
                'score model --text "To be, or not to be" --text "To bee, ore knot" --per-token',
                "cat lines.txt | elman score model - --json",
            ),
            options=".endpoints:ScoreLinesOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="""Measure how good a model is on data that it has not seen.

A language model: nats and bits by token and by character, perplexity, accuracy. Every token that has one before it is
predicted once, with the state carried over the whole text.""",
            examples=("evaluate model test.txt", "evaluate model corpus/ --limit 100000 --json"),
            options=".endpoints:EvaluateTextOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
