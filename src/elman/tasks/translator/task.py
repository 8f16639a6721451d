"""Task description of the translator."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.next_endpoint import next_endpoint
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="translator",
    package=__package__,
    model=".model:Translator",
    paired=".paired:paired_items",
    config=".config:TranslatorConfig",
    rank=5,
    summary="Translator: maps one token sequence to another.",
    data=DataArgument(
        name="pairs",
        help="A table of pairs, two aligned files, or a zip of either.",
        valid="Separate validation pairs.",
        test="Test pairs, evaluated once after training.",
    ),
    help="""Train a translator: an encoder-decoder that maps one sequence of tokens to another.

Data: two aligned files (sources, targets), lines of source, tab, target, CSV and JSON lines with two columns, and zip
archives of these. Ctrl-C saves a checkpoint and stops; `elman train --resume MODEL` continues.""",
    examples=(
        "train translator train.de train.en --valid val.de val.en -o model --lowercase",
        "train translator pairs.tsv -o model --tokens words --attention bahdanau",
        "train translator spellings.tsv -o model --preset characters --max-epochs 10",
        "train translator sums.tsv -o adder --preset characters --reverse-source --attention none \\\n"
        "        --no-bidirectional --dropout 0 --learning-rate 3e-3",
    ),
    card=CardSnippet(
        pipeline="translation", shell="elman translate MODEL FILE", python='print(model.translate(["..."]))'
    ),
    endpoints=(
        Endpoint(
            verb="translate",
            summary="Translate sentences.",
            help="""Translate sentences; empty lines stay empty.

Lines of standard input are translated as they are read. With `--n-best` above 1, lines have the sentence's number, a
score and a translation, separated by tabs.""",
            examples=(
                'translate model --text "ein hund rennt durch das gras ." --attention attention.png',
                "translate model test.de -o test.out --beams 10",
                "translate model - < test.de",
                "translate model test.de --ensemble model2 model3 --n-best 3",
            ),
            data=DataArgument(name="files", help="Files of sources, one sentence per line; - for standard input."),
            options=".endpoints:TranslateOptions",
            answer=".endpoints:translate",
        ),
        next_endpoint(
            help="A translator shows the token that follows the beginning `--prefix` of a translation.",
            examples=('next translator "ein hund rennt ." --prefix "a dog"',),
            options=".endpoints:PrefixOptions",
        ),
        score_endpoint(
            help="A translator scores pairs, in the format of the training data.",
            examples=("score translator test.de test.en --rank",),
            options=".endpoints:ScoreOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="Translators: perplexity, token accuracy, BLEU and chrF with sacrebleu's signatures, and the fraction "
            "of exact translations.",
            examples=("evaluate translator test.de test.en",),
            options=".endpoints:EvaluatePairsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
