"""The answer of `project`: a picture, coordinates, and the files of TensorBoard's projector. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.files import make_folder, write_text
from elman.tasks.endpoint import Answer, Screen

if TYPE_CHECKING:
    from elman.data.word_vectors import WordTable
    from elman.data.word_vectors.projection import Projection

__all__ = ["ProjectedWords", "check_output"]

_SUFFIXES = (".png", ".svg", ".json")


def check_output(path: Path) -> None:
    """Raise ConfigError unless a projection can be written to `path`: a file of a known kind, or a folder."""
    if path.is_dir():
        return
    if path.suffix.lower() not in _SUFFIXES and (path.suffix or path.exists()):
        raise ConfigError(
            f"expected a file that ends in {', '.join(_SUFFIXES)}, or a folder, which also gets vectors.tsv and "
            f"metadata.tsv. Received: {path}"
        )


class ProjectedWords(Answer):
    """Words with two coordinates."""

    def __init__(self, projection: Projection, table: WordTable) -> None:
        self.projection = projection
        self.table = table

    def to_json(self) -> dict[str, Any]:
        """Return the coordinates of each word."""
        return self.projection.to_json()

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Yield a line with the coordinates of each word."""
        for word, (x, y) in zip(self.projection.words, self.projection.coordinates_N2.tolist(), strict=True):
            yield screen.shown(f"{x:.6g}\t{y:.6g}\t{word}\n")

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write the file, or all files to a folder."""
        del as_json
        suffix = path.suffix.lower()
        if suffix in _SUFFIXES and not path.is_dir():
            if suffix == ".json":
                write_text(path, self._json())
            else:
                self._draw(path, remark)
            return True
        folder = make_folder(path)
        import numpy as np

        from elman.plots.projection import projector_files

        words = self.projection.words
        vectors, metadata = projector_files(words, np.stack([self.table.vector(word) for word in words]))
        write_text(folder / "vectors.tsv", vectors)
        write_text(folder / "metadata.tsv", metadata)
        write_text(folder / "projection.json", self._json())
        self._draw(folder / "projection.png", remark)
        remark(f"{path}: projection.png, projection.json, and vectors.tsv with metadata.tsv for "
               "https://projector.tensorflow.org")  # fmt: skip
        return True

    def _json(self) -> str:
        return json.dumps(self.to_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    def _draw(self, path: Path, remark: Callable[[str], None]) -> None:
        from elman.plots.projection import draw_projection

        found = self.projection
        names = ("", "")
        if found.explained is not None:
            names = (
                f"first component ({found.explained[0]:.1%} of the variance)",
                f"second component ({found.explained[1]:.1%})",
            )
        title = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}[found.method] + f" of {len(found.words)} word vectors"
        left_out = draw_projection(found.words, found.coordinates_N2, path, title=title, axis_names=names)
        if left_out:
            remark(
                f"{path}: no space for the labels of {left_out} of {len(found.words)} words; --top shows fewer words"
            )
