"""Filler: finds the word that is missing in a text, from the words before and after it."""
