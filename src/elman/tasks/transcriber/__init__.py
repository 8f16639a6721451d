"""Transcriber: speech or handwriting recognition, from sound or pen strokes to text."""
