"""Captioner: generates a text for each vector or image."""
