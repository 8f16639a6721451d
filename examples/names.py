"""Language of a name: a classifier that reads names letter by letter.

FOLDER has a file for each language, with one name per line: Arabic.txt, Chinese.txt and so on.

usage: python examples/names.py FOLDER [SECONDS]
"""

import sys

import elman

folder, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
model = elman.Classifier(tokens="characters", lowercase=False, split=(0.8, 0.1, 0.1), max_seconds=seconds)
model.fit(folder)
print(f"accuracy on held-out names: {model.metrics['test']['accuracy']:.1%}")
for name in ("Satoshi", "Jackson", "Schmidhuber", "Dovesky"):
    (chances,) = model.predict_proba([name])
    likeliest = chances.argsort()[::-1][:3]
    print(f"{name:12}", "  ".join(f"{model.classes_[i]} {chances[i]:.0%}" for i in likeliest))
