"""Task description of the tagger."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="tagger",
    package=__package__,
    model=".model:Tagger",
    paired=".paired:paired_items",
    config=".config:TaggerConfig",
    rank=3,
    summary="Tagger: predicts a tag for every word or frame.",
    data=DataArgument(help="Files, folders or globs of sentences or frames with tags."),
    help="""Train a tagger: a tag for every word of a sentence, or for every frame of a numeric sequence.

Data: CoNLL-U (`.conllu`), words and tags in columns, folders with `seq.in`, `seq.out` and `label`, and frames in
`.npz`, `.npy` and tables. Ctrl-C saves a checkpoint and stops; `elman train --resume MODEL` continues.""",
    examples=(
        "train tagger train.conllu --valid dev.conllu --test test.conllu -o model",
        "train tagger train.conllu -o model --tag-column xpos --max-epochs 10",
        "train tagger snips/train --valid snips/valid -o model --head crf --intent",
        "train tagger gestures.csv -o model --sequence-column take --tag-column gesture",
    ),
    card=CardSnippet(
        pipeline="token-classification",
        shell="elman tag MODEL FILE",
        python='print(model.predict(model.read("FILE", with_tags=False)))',
    ),
    endpoints=(
        Endpoint(
            verb="tag",
            summary="Predict the tag of every word or frame.",
            help="Predict the tag of every word or frame, and the label of the sentence if the tagger has learnt it.",
            examples=(
                'tag model --text "play the song little robin redbreast"',
                "tag model sentences.txt --punctuation -o tagged.conllu",
                'echo "the cat sat on the mat" | elman tag model - --json',
            ),
            data=DataArgument(name="files", help="Files or folders; - for standard input, one sentence per line."),
            options=".endpoints:TagOptions",
            answer=".endpoints:tag",
        ),
        evaluate_endpoint(
            help="Taggers: accuracy, span F1, and metrics of every tag and type of span.",
            options=".endpoints:EvaluateTagsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
