"""The language model: text in, a model that scores, generates and continues text out."""
