"""MNIST row by row: each image is a sequence of 28 time steps, one for each row of 28 pixels.

An Elman layer of 150 tanh units reads the rows from top to bottom; a linear layer on its final state gives the ten
logits. Adam with a learning rate of 0.001, and batches of 150 images.

FOLDER has the four files of MNIST as published: train-images-idx3-ubyte.gz and so on.

usage: python examples/mnist_rows.py FOLDER [EPOCHS]
"""

import sys
from pathlib import Path

import elman

folder, epochs = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
model = elman.Classifier(
    cell="elman",  # tanh(W x + U h + b)
    hidden_size=150,
    bidirectional=False,
    pool="last",
    input_dropout=0.0,
    output_dropout=0.0,
    standardise="none",  # pixels are already between 0 and 1
    batch_size=150,
    optimizer="adam",
    weight_decay=0.0,
    learning_rate=1e-3,
    schedule="constant",
    warmup_steps=0,
    max_epochs=epochs,
)
model.fit(folder / "train-images-idx3-ubyte.gz")
figures = model.evaluate(folder / "t10k-images-idx3-ubyte.gz")
print(f"accuracy on {figures['examples']:,} test images: {figures['accuracy']:.2%}")
