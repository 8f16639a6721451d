"""The captioner: a vector or an image in, a text out."""
