"""Text as word vectors are trained on it: a vocabulary with counts, sampling, and blocks of text."""
