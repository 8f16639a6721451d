"""Task description of the language model."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.next_endpoint import next_endpoint
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint, text_argument

__all__ = ["TASK"]

TASK = Task(
    name="language-model",
    package=__package__,
    model=".model:LanguageModel",
    paired=".paired:paired_items",
    config=".config:LanguageModelConfig",
    rank=1,
    summary="Language model of text.",
    command="lm",
    streams=True,
    facts=".endpoints:vocabulary_facts",
    data=text_argument(toml="such as `hidden_size = 512` or `cell_options = {peepholes = true}`"),
    help="""Train a language model on text.

Without `--max-steps`, `--max-epochs` or `--max-seconds`, training takes ten minutes. Ctrl-C saves a checkpoint and
stops; `elman train --resume MODEL` continues.""",
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
            summary="Generate text with a language model.",
            help="Generate text. It is printed while it is generated.",
            examples=(
                'generate model --prompt "Call me" --length 500 --temperature 0.8',
                "generate model --samples 5 --top-p 0.9 --seed 1",
                'echo "Call me" | elman generate model -',
            ),
            data=DataArgument(
                help="A file with the prompt; - for standard input. One newline at its end is removed.",
                name="prompt-file",
                several=False,
            ),
            options=".endpoints:GenerateOptions",
            answer=".endpoints:generate",
        ),
        next_endpoint(
            help="""Show the probabilities of the next token of a text.

A language model reads the prompt as `generate` does. With `--candidates`, the probability of each given continuation is
shown, of all its tokens if it has several.""",
            examples=(
                'next model "Call m"',
                'next model "To be or not to " --candidates be do',
                'next model "" --top 3 --json',
            ),
            options=".endpoints:NextOptions",
        ),
        Endpoint(
            verb="suggest",
            summary="Complete the last word of a text, or suggest the next one.",
            help="""Complete the last word of a text, or suggest the next one.

A text that ends within a word is completed; after a space or a punctuation mark, the next word is suggested. Each word
is shown with its probability, given all of the text.""",
            examples=(
                'suggest model "I would li"',
                'suggest model "I would " --top 5 --json',
                "suggest model --file texts.txt",
            ),
            data=DataArgument(
                help="The text; without one, words at the beginning of a text.", name="text", several=False
            ),
            options=".suggest:SuggestOptions",
            answer=".suggest:suggest",
        ),
        Endpoint(
            verb="choose",
            summary="Rank the alternatives of a text by their probability.",
            help=r"""Rank the alternatives of a text by their probability.

Alternatives stand in braces, with | between them; one of them may be empty. Several braces give all combinations. Each
sentence is shown with its probability among them. `\{`, `\}`, `\|` and `\\` are the signs themselves.""",
            examples=(
                "choose model 'I saw a {bare|bear} in the wood'",
                "choose model 'He {has|have} gone {to|too|two} far' --json",
                "choose model --file texts.txt",
            ),
            data=DataArgument(help="The text with alternatives.", name="text", several=False),
            options=".choose:ChooseOptions",
            answer=".choose:choose",
        ),
        Endpoint(
            verb="guess",
            summary="Guess which of two passages a person wrote, and which the model.",
            help="""Guess which of two passages a person wrote, and which the model.

Both passages go on with the same text, which is not shown, and which the model was not trained on: the held-out part of
its training text, or another text. The keys 1 and 2 answer, q or Ctrl-C stops. At the end, your score is shown next to
that of a likelihood ratio of the model to n-grams of its training text, with intervals of 95 %.""",
            examples=(
                "guess model --text book.txt",
                "guess model --text book.txt --rounds 20 --length 120 --temperature 0.8 --seed 1",
                "guess model --text book.txt --answers 1,2,1 --json",
            ),
            data=DataArgument(
                help="A file of text, or several; by default, the training files. Of these, the held-out part is used.",
                name="texts",
            ),
            options=".guess:GuessOptions",
            answer=".guess:guess",
        ),
        score_endpoint(
            help="""Compute the log-probability and the perplexity of each line, or of each target given its source.

A language model scores every line independently, with nats per character; empty lines are skipped.""",
            examples=(
                "score model lines.txt --rank",
                'score model --text "To be, or not to be" --text "To bee, ore knot" --per-token',
                "cat lines.txt | elman score model - --json",
            ),
            options=".endpoints:ScoreLinesOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="""Evaluate a model on held-out data.

Language models: nats and bits per token and per character, perplexity and accuracy. Every token except the first is
predicted once, with the state carried over the whole text. With `--cache` or `--dynamic-rate` the model adapts to the
text while it reads it; the stored model does not change.""",
            examples=(
                "evaluate model test.txt",
                "evaluate model corpus/ --limit 100000 --json",
                "evaluate model test.txt --cache auto --tune-on valid.txt",
            ),
            options=".evaluation:EvaluateTextOptions",
            answer=".evaluation:evaluate",
        ),
    ),
)
