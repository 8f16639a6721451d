"""The transcriber: sound or pen strokes in, the text of what is said or written out."""
