"""Items (vectors, images or maps of features) with a text for each, from files and from memory. Imports no torch."""

from elman.data.captioned.captioned import Captioned, checked_captions, join, made
from elman.data.captioned.config import CaptionedConfig
from elman.data.captioned.memory import captioned_from
from elman.data.captioned.read import read_captioned

__all__ = ["Captioned", "CaptionedConfig", "captioned_from", "checked_captions", "join", "made", "read_captioned"]
