"""Translator: an encoder-decoder that maps one token sequence to another."""
