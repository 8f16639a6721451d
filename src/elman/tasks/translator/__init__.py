"""The translator: one sequence of tokens in, another of its own length out."""
