"""Sentiment of film reviews, and the words that each prediction rests on.

Each line of a FILE has a review and its label, separated by a tab: `a stirring , funny film	1`.

usage: python examples/sentiment.py TRAIN_FILE VALIDATION_FILE TEST_FILE [SECONDS]
"""

import sys

import elman
from elman.plots.saliency import coloured

train, valid, test = sys.argv[1:4]
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 60.0
model = elman.Classifier(format="lines", label_first=False, max_seconds=seconds)
model.fit(train, valid=valid)
figures = model.evaluate(test)
print(f"accuracy on {figures['examples']:,} test reviews: {figures['accuracy']:.1%}")
print(f"expected calibration error of its probabilities: {figures['ece']:.1%}")

# Blue words support the prediction, orange and red ones oppose it; without a terminal they are marked by signs.
reviews = [
    "a funny and moving film , with wonderful music .",
    "a dull and lifeless affair that goes nowhere .",
    "not a bad film , but far too long .",
]
for answer, why in zip(model.predict(reviews), model.explain(reviews), strict=True):
    print(f"{answer}: {coloured(why.pieces, why.weights, colour=sys.stdout.isatty())}")
