"""The options of reading pairs and of their vocabularies. Imports neither numpy nor torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data import shared_options as shared
from elman.data.vocabulary.kinds import token_kinds
from elman.errors import ConfigError
from elman.options import option

__all__ = ["PairsConfig"]


@dataclass(frozen=True)
class PairsConfig:
    """How pairs are read, and how they become numbers."""

    format: str = option(
        "auto",
        "what the files are; auto goes by their names",
        choices=("auto", "aligned", "tsv", "csv", "jsonl"),
    )
    source_column: str = option(
        "", "the column of the source, a number or a name (default: the first); of aligned files, a suffix"
    )
    target_column: str = option(
        "", "the column of the target, a number or a name (default: the second); of aligned files, a suffix"
    )
    header: str = option("auto", "tables: whether the first row names the columns", choices=("auto", "yes", "no"))
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    held_out: float = shared.held_out(0.05, "pairs")
    tokens: str = option("subwords", "what a token is", choices=token_kinds("subwords"))
    target_tokens: str = option("", "what a token of the target is, if another", choices=("", *token_kinds("subwords")))
    tokeniser: str = option(
        "regex", "words: regex parts words and signs, whitespace cuts at spaces alone", choices=("regex", "whitespace")
    )
    vocabulary_size: int = option(6000, "most tokens of a vocabulary", least=3)
    min_count: int = option(2, "words, characters: rarer ones become unknown", least=1)
    shared: bool = option(False, "one vocabulary for source and target")
    lowercase: bool = option(False, "make both sides lower case")
    max_source: int = option(100, "longest source in tokens; longer pairs are left out of training", least=1)
    max_target: int = option(100, "longest target in tokens; longer pairs are left out of training", least=1)
    reverse_source: bool = option(False, "read the source from its end to its start (Sutskever et al. 2014)")

    def check(self) -> None:
        """Raise ConfigError for options that do not go together."""
        if self.shared and self.target_tokens not in ("", self.tokens):
            raise ConfigError(
                "expected one kind of tokens where both sides share a vocabulary. Received: "
                f"{self.tokens} and {self.target_tokens}"
            )
