"""The description of the translator."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="translator",
    package=__package__,
    model=".model:Translator",
    config=".config:TranslatorConfig",
    rank=5,
    summary="A translator: pairs of sequences of any two lengths.",
    data=DataArgument(
        name="pairs",
        help="A table of pairs, two aligned files, or a zip of either.",
        valid="Pairs of their own for validation.",
        test="Pairs of their own for the last test.",
    ),
    help="""Train a translator: one sequence of tokens in, another of its own length out.

It reads two aligned files (sources, targets), lines of source, tab, target, CSV and JSON lines with two columns,
and zip archives of these. Ctrl-C stops the run so that `elman train --resume MODEL` goes on.""",
    examples=(
        "train translator train.de train.en --valid val.de val.en -o model --lowercase",
        "train translator pairs.tsv -o model --tokens words --attention bahdanau",
        "train translator spellings.tsv -o model --preset characters --max-epochs 10",
        "train translator sums.tsv -o adder --preset characters --reverse-source --attention none \\\n"
        "        --no-bidirectional --dropout 0 --learning-rate 3e-3",
    ),
    card=CardSnippet(
        pipeline="translation",
        shell="elman translate MODEL FILE",
        python='print(model.translate(["..."]))',
    ),
    endpoints=(
        Endpoint(
            verb="translate",
            summary="Write each sentence in the other language.",
            help="""Write each sentence in the other language; an empty line stays one.

Lines of standard input are answered as they come. With `--n-best` above 1, a line is the sentence's number, a
score and a translation with tabs between them.""",
            examples=(
                'translate model --text "ein hund rennt durch das gras ." --attention attention.png',
                "translate model test.de -o test.out --beams 10",
                "translate model - < test.de",
                "translate model test.de --ensemble model2 model3 --n-best 3",
            ),
            data=DataArgument(name="files", help="Files of sources, a sentence a line; - for standard input."),
            options=".endpoints:TranslateOptions",
            answer=".endpoints:translate",
        ),
        score_endpoint(
            help="A translator scores pairs, from files as it reads them in training.",
            examples=("score translator test.de test.en --rank",),
            options=".endpoints:ScoreOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="A translator: perplexity, accuracy by token, BLEU and chrF of its translations with sacrebleu's "
            "signatures, and how many are exact.",
            examples=("evaluate translator test.de test.en",),
            options=".endpoints:EvaluatePairsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
