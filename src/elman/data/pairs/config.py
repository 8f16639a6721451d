"""Options for reading pairs and for their vocabularies. Imports neither numpy nor torch."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.vocabulary.kinds import token_kinds
from elman.errors import ConfigError
from elman.options import option, section

__all__ = ["PairsConfig"]


@section
class PairsConfig:
    """Options for reading and encoding pairs."""

    format: str = option(
        "auto",
        "format of the files; auto: detect it from their names",
        choices=("auto", "aligned", "tsv", "csv", "jsonl"),
    )
    source_column: str = option(
        "", "tables: number or name of the column of sources (default: the first); aligned files: a suffix"
    )
    target_column: str = option(
        "", "tables: number or name of the column of targets (default: the second); aligned files: a suffix"
    )
    header: str = option("auto", "tables: whether the first row names the columns", choices=("auto", "yes", "no"))
    quoting: str = shared.quoting(before="auto")
    bad_rows: str = shared.bad_rows("tables: rows")
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    held_out: float | None = shared.held_out(0.05, "pairs")
    tokens: str = option("subwords", "what a token is", choices=token_kinds("subwords"))
    target_tokens: str = option(
        "", "what a token of the target is; by default as in tokens", choices=("", *token_kinds("subwords"))
    )
    tokenizer: str = shared.tokenizer()
    vocabulary_size: int = option(6000, "maximum number of tokens in a vocabulary", least=3)
    min_count: int = option(2, "words and characters: minimum count of a token; rarer ones become [UNK]", least=1)
    target_language: str = option("", "language of the targets, such as zh; by default the suffix of their files")
    bleu_tokenizer: str = shared.bleu_tokenizer("zh, ja-mecab or ko-mecab by the language of the targets, else 13a")
    unicode_form: str = shared.unicode_form()
    shared: bool = option(False, "one vocabulary for source and target")
    lowercase: bool = option(False, "make sources and targets lower case")
    max_source: int = option(100, "maximum tokens of a source; longer pairs are left out of training", least=1)
    max_target: int = option(100, "maximum tokens of a target; longer pairs are left out of training", least=1)
    reverse_source: bool = option(False, "reverse the tokens of the source (Sutskever et al. 2014)")

    def check(self) -> None:
        """Raise ConfigError for options that contradict each other."""
        if self.shared and self.target_tokens not in ("", self.tokens):
            raise ConfigError(
                "expected one kind of tokens where both sides share a vocabulary. Received: "
                f"{self.tokens} and {self.target_tokens}"
            )
