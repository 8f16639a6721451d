"""The distribution of the next token of a caption."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from elman.data.captioned.encoded import EncodedCaptions
from elman.decode.next_token import NextTokens, next_of_decoder
from elman.errors import DataError
from elman.kernels import threads_for
from elman.tasks.captioner.network import CaptionerNetwork

__all__ = ["next_caption_tokens"]


def next_caption_tokens(model: CaptionerNetwork, data: EncodedCaptions, prefix: str, **asked: Any) -> NextTokens:
    """Return the distribution of the token after `prefix` in the caption of the only item of `data`.

    `asked` are `top` and `candidates`. Raises DataError unless there is one item.
    """
    if len(data.data) != 1:
        raise DataError(f"{data.data.name}: expected one item. Received: {len(data.data):,}")
    text = data.vocabulary.text
    with torch.no_grad(), threads_for(1, model):
        state, memory = model.encode(data.items(np.zeros(1, np.int64)).to(model.device))
        return next_of_decoder(
            model.advance,
            text,
            state,
            memory,
            [model.bos_id, *text.encode_start(prefix).tolist()],
            encode=lambda continued: text.encode_continuation(prefix, continued).tolist(),
            decode=text.decode,
            **asked,
        )
