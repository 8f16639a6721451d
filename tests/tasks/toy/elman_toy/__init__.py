"""A task of another package: it counts letters. Nothing in elman names it."""
