"""elman: recurrent networks, from a file of sequences to a trained, inspected, resumable, streaming model."""

__version__ = "0.1.0"
