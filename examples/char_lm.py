"""A character language model in ten lines.

usage: python examples/char_lm.py book.txt [SECONDS]
"""

import sys

import elman

text, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
lm = elman.LanguageModel("small", cell="gru", max_seconds=seconds).fit(text)
print("validation:", lm.metrics.get("valid"))
print(lm.generate("The ", length=300, temperature=0.7, seed=1))
for line in lm.score(["The end.", "dne ehT."]):
    print(f"{line.nats_per_char:.2f} nats a character: {line.text}")
lm.save("char-model")
print(elman.load("char-model").generate("The ", length=60, temperature=0.0))
