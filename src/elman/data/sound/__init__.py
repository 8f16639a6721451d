"""Sound files, log-mel features, and recordings with their texts.

config      the options of sounds and features
container   detecting sound files that are cut short
read        sound files as samples: one channel, one rate
raw         raw PCM from a stream
mel         the mel scale and its filters
features    log-mel features of whole or streamed sounds (imports torch)
recordings  sounds with texts, and their features
reading     recordings from manifests, folders and sound files

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.sound.config import SoundConfig
    from elman.data.sound.features import FeatureStream, LogMel
    from elman.data.sound.raw import raw_blocks
    from elman.data.sound.read import Sound, SoundInfo, read_sound, sound_blocks, sound_info
    from elman.data.sound.reading import read_recordings
    from elman.data.sound.recordings import Recordings, features_of, recordings_from

__all__ = [
    "FeatureStream",
    "LogMel",
    "Recordings",
    "Sound",
    "SoundConfig",
    "SoundInfo",
    "features_of",
    "raw_blocks",
    "read_recordings",
    "read_sound",
    "recordings_from",
    "sound_blocks",
    "sound_info",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".config": ("SoundConfig",),
        ".features": ("FeatureStream", "LogMel"),
        ".raw": ("raw_blocks",),
        ".read": ("Sound", "SoundInfo", "read_sound", "sound_blocks", "sound_info"),
        ".reading": ("read_recordings",),
        ".recordings": ("Recordings", "features_of", "recordings_from"),
    },
)
