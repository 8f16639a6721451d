"""Task description of the captioner."""

from __future__ import annotations

from types import MappingProxyType

from elman.artifact.card import CardSnippet
from elman.tasks.next_endpoint import next_endpoint
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint, score_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="captioner",
    package=__package__,
    model=".model:Captioner",
    paired=".paired:paired_items",
    config=".config:CaptionerConfig",
    rank=6,
    summary="Captioner: generates a text for a vector or an image.",
    data=DataArgument(help="Tables, arrays with their captions, or folders of images."),
    help="""Train a captioner: a text for every vector, image or feature map.

Data: tables with captions and columns of numbers or image files, arrays (.npy, .npz, idx) followed by a text file
with one caption per line, and folders of images with captions.csv. Ctrl-C saves a checkpoint and stops;
`elman train --resume MODEL` continues.""",
    examples=(
        "train captioner digits.npy digits.txt -o model",
        "train captioner photos.csv -o model --image-size 96,128 --attention luong",
        "train captioner weather.csv -o model --vector both --tokens subwords --test may.csv",
    ),
    titles=MappingProxyType({"text": "Captions"}),
    card=CardSnippet(
        pipeline="image-to-text", shell="elman caption MODEL DATA", python='print(model.caption(pathlib.Path("DATA")))'
    ),
    endpoints=(
        Endpoint(
            verb="caption",
            summary="Generate a text for each vector or image.",
            help="""Generate a text for each vector or image, in order; captions in the data are ignored.

With `--n-best` above 1, lines have the item's number, a score and a caption, separated by tabs.""",
            examples=(
                "caption model photo.png other.jpg",
                "caption model items.npy -o captions.txt --beams 10",
                "caption model digits.npy --attention looked.png --json",
            ),
            data=DataArgument(help="Tables, arrays, image files or folders; - for a table on standard input."),
            options=".endpoints:CaptionOptions",
            answer=".endpoints:caption",
        ),
        next_endpoint(
            help="A captioner shows the token that follows the beginning `--prefix` of an item's caption.",
            examples=('next captioner digits.npy --item 3 --prefix "a small"',),
            options=".endpoints:NextCaptionOptions",
        ),
        score_endpoint(
            help="A captioner scores the captions of items.",
            options=".endpoints:ScoreCaptionsOptions",
            answer=".endpoints:score",
        ),
        evaluate_endpoint(
            help="Captioners: perplexity, token accuracy, exact matches, and BLEU and chrF against all references.",
            options=".endpoints:EvaluateCaptionsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
