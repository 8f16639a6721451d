"""Tagger: predicts a tag for every word or frame, and optionally a label for the sentence."""
