"""The vocabulary of a tagger: words, characters, tags and sentence labels."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.centring import centre_of, centred, checked_centre
from elman.data.labels import LABEL_TYPES, LabelIndex, names_in_files
from elman.data.tagged import TaggedDataset
from elman.data.tagged.config import TaggedDataConfig
from elman.data.tagged.notation import describe_readings, learn_scheme, read_tag
from elman.data.tagged.spans import OUTSIDE, SCHEMES, is_written_in
from elman.data.tagged.tagged import Frames
from elman.data.vocabulary.base import UNKNOWN_WORDS, any_joins, check_fields, check_stored_form, stored_form
from elman.data.vocabulary.unicode_forms import KEEP, in_form
from elman.errors import ArtifactError, DataError
from elman.state import IGNORE_INDEX

__all__ = ["UNKNOWN_ID", "TaggerVocabulary", "broken_tags", "unseen_answers"]

# The id of unknown words and unknown characters.
UNKNOWN_ID = 0
_DIGIT = re.compile(r"\d")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
# Only this many characters of a word are read.
MAX_CHARACTERS = 100
_MOST = 1_000_000
# In characters. A longer text is most likely not a label but the wrong column or file.
_LONGEST_TAG = 1000


@dataclass(frozen=True)
class TaggerVocabulary:
    """Ids of the inputs and outputs of a tagger.

    words, characters  those with the ids 1, 2, ...; 0 is unknown. Both empty for frames
    tags, intents      those with the ids 0, 1, ...; `intents` is empty if no sentence labels are learnt
    scheme             the tagging scheme of the tags if they mark spans, or None
    features           I, the number of features of a frame; 0 for words
    lowercase, digits  how words are normalised before they are looked up
    feature_names      the names of the features; empty if they have none
    label_types        types of the tags and of the sentence labels in the data, as in `LABEL_TYPES`
    unicode_form       form that words are brought into before they are looked up
    centre             the mean of each feature, which is subtracted if float32 cannot distinguish the frames; or empty
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    tags: tuple[str, ...]
    intents: tuple[str, ...]
    scheme: str | None
    features: int
    lowercase: bool
    digits: bool
    feature_names: tuple[str, ...] = ()
    label_types: tuple[str, str] = ("text", "text")
    unicode_form: str = KEEP
    centre: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "_words", {word: number for number, word in enumerate(self.words, 1)})
        object.__setattr__(
            self, "_characters", {character: number for number, character in enumerate(self.characters, 1)}
        )

    # Not set in `__post_init__`, which pickled vocabularies of earlier versions do not run again.
    @cached_property
    def _tag_index(self) -> LabelIndex:
        return LabelIndex(self.tags)

    @cached_property
    def _intent_index(self) -> LabelIndex:
        return LabelIndex(self.intents)

    @classmethod
    def learn(cls, data: TaggedDataset, config: TaggedDataConfig, *, intent: bool) -> TaggerVocabulary:
        """Learn the vocabulary of `data`; with `intent`, of its sentence labels too.

        Raises DataError for data without labels, with a single tag or sentence label, or with too long a label.
        """
        data.check_labels(intents=intent)
        data = data.without_row_numbers()
        scheme = learn_scheme(data.tags or ())
        given = {tag for each in data.tags or () for tag in each}
        readings = {tag: read_tag(tag, scheme) for tag in given}
        types = data.label_types or ("", "")
        tags, tag_type = _learnt([readings[tag] for each in data.tags or () for tag in each], types[0])
        intent_type = "text"
        if len(tags) < 2:
            raise DataError(f"{data.name}: expected at least two different tags. Received: {', '.join(tags) or 'none'}")
        intents: list[str] = []
        if intent:
            intents, intent_type = _learnt(data.intents or (), types[1])
            if len(intents) < 2:
                raise DataError(f"{data.name}: expected at least two different intents. Received: {intents[0]!r}")
        _check_sizes(data, [*given, *intents])
        words: Counter[str] = Counter()
        characters: set[str] = set()
        for sentence in data.words or ():
            if config.unicode_form != KEEP:
                sentence = [in_form(word, config.unicode_form) for word in sentence]
            words.update(normalised(word, config.lowercase, config.digits) for word in sentence)
            characters.update(*sentence)
        kept = sorted((-n, word) for word, n in words.items() if n >= config.min_count and word not in UNKNOWN_WORDS)
        return cls(
            words=tuple(word for _, word in kept),
            characters=tuple(sorted(characters)),
            tags=tuple(tags),
            intents=tuple(intents),
            scheme=scheme,
            features=data.features,
            lowercase=config.lowercase,
            digits=config.digits,
            feature_names=data.feature_names,
            label_types=(tag_type, intent_type),
            unicode_form=config.unicode_form,
            centre=centre_of(data.frames or ()) if config.standardise else (),
        )

    @classmethod
    def smallest(cls, *, intent: bool) -> TaggerVocabulary:
        """Return a vocabulary of one word, two tags and, with `intent`, two sentence labels."""
        both = ("a", "b")
        return cls(("a",), ("a",), both, both if intent else (), scheme=None, features=0, lowercase=True, digits=True)

    def input_summary(self) -> str:
        """Return a short description of the inputs."""
        if self.features:
            return f"frames of {self.features} features"
        return f"{len(self.words):,} words, {len(self.characters):,} characters"

    def answer_summary(self) -> str:
        """Return a short description of the tags and sentence labels."""
        notation = f" ({self.scheme})" if self.scheme else ""
        intents = f", {len(self.intents)} sentence labels" if self.intents else ""
        return f"{len(self.tags)} tags{notation}{intents}"

    def has_joining(self) -> bool:
        """Return whether words of the training data have characters that can be composed with others."""
        return any_joins("".join(self.characters))

    def word_ids(self, words: Sequence[str]) -> list[int]:
        """Return the id of each word, 0 for unknown words."""
        known: Mapping[str, int] = self._words  # type: ignore[attr-defined]
        words = [in_form(word, self.unicode_form) for word in words]
        return [known.get(normalised(word, self.lowercase, self.digits), UNKNOWN_ID) for word in words]

    def with_words(self, words: Sequence[str]) -> TaggerVocabulary:
        """Return the vocabulary with further words, as they are looked up."""
        read = (normalised(in_form(word, self.unicode_form), self.lowercase, self.digits) for word in words)
        known: Mapping[str, int] = self._words  # type: ignore[attr-defined]
        new = dict.fromkeys(word for word in read if word and word not in known and word not in UNKNOWN_WORDS)
        return dataclasses.replace(self, words=(*self.words, *new)) if new else self

    def char_ids(self, word: str) -> list[int]:
        """Return the id of each character of a word, 0 for unknown characters."""
        known: Mapping[str, int] = self._characters  # type: ignore[attr-defined]
        return [known.get(character, UNKNOWN_ID) for character in in_form(word, self.unicode_form)[:MAX_CHARACTERS]]

    def with_centred_frames(self, data: TaggedDataset) -> TaggedDataset:
        """Return the data with the features of its frames as in training, centred and as float32.

        Raises DataError for frames with other features, and for values that float32 cannot distinguish.
        """
        if data.features and self.features:
            data = data.with_features(self.feature_names)
        if data.features != self.features:
            wanted = f"frames of {self.features} features" if self.features else "words"
            received = f"frames of {data.features} features" if data.features else "words"
            raise DataError(f"{data.name}: expected {wanted}. Received: {received}")
        if data.frames is None:
            return data
        both = zip(data.frames, data.places, strict=True)
        frames: list[Frames] = [centred(x_TI, self.centre, place, self.feature_names) for x_TI, place in both]
        return dataclasses.replace(data, frames=frames)

    def tag_ids(self, tags: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the id of each tag, IGNORE_INDEX for unknown tags."""
        numbers = {tag: self._tag_index.find(tag) for tag in set(tags)}
        return np.array([IGNORE_INDEX if numbers[tag] is None else numbers[tag] for tag in tags], dtype=np.int64)

    def read_tag(self, tag: str, *, training: bool = False) -> str:
        """Return a tag as this vocabulary reads it: 1.0 as 1, or 1 as 1.0, and in the notation of its spans.

        A tag of `training` data that breaks the notation is O unless its meaning is certain.
        """
        known = self._tag_index
        return read_tag(tag, self.scheme, training=training) if known.find(tag) is None else known.name(tag)

    def with_read_tags(self, data: TaggedDataset, *, training: bool = False) -> TaggedDataset:
        """Return the data with its tags as `read_tag` reads them, and sentence labels spelled as the vocabulary's."""
        intents = self._intent_index
        if data.intents is not None:
            data = dataclasses.replace(data, intents=[intents.name(intent) for intent in data.intents])
        readings = {
            tag: self.read_tag(tag, training=training) for tag in {tag for each in data.tags or () for tag in each}
        }
        if all(tag == read for tag, read in readings.items()):
            return data
        return dataclasses.replace(data, tags=[[readings[tag] for tag in each] for each in data.tags or ()])

    def check_notation(self, data: TaggedDataset) -> None:
        """Raise DataError, with the place, for a tag that breaks the notation of the spans."""
        for tags, place in zip(data.tags or (), data.places, strict=False):
            for number, tag in enumerate(tags, 1):
                if self.scheme is not None and (read := self.read_tag(tag, training=True)) != tag:
                    raise DataError(
                        f"{place}, word {number}: expected O, or a tag in the notation of the others, such as "
                        f"{self.span_tag!r} (without strict, this is taken as {read} in training). Received: {tag!r}"
                    )

    @property
    def span_tag(self) -> str:
        """A tag of a span; an empty text if there is none."""
        return next((tag for tag in self.tags if tag != OUTSIDE), "") if self.scheme else ""

    def intent_id(self, intent: str) -> int:
        """Return the id of a sentence label, IGNORE_INDEX if it is unknown."""
        number = self._intent_index.find(intent)
        return IGNORE_INDEX if number is None else number

    def tag_values(self, tags: Sequence[str]) -> list[Any]:
        """Return tags in the type that they had in the data."""
        return [LABEL_TYPES[self.label_types[0]](tag) for tag in tags]

    def intent_values(self, intents: Sequence[str]) -> list[Any]:
        """Return sentence labels in the type that they had in the data."""
        return [LABEL_TYPES[self.label_types[1]](intent) for intent in intents]

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as JSON values."""
        # Left out if both are texts, as in files of earlier versions.
        types = {} if self.label_types == ("text", "text") else {"label_types": list(self.label_types)}
        return {
            "kind": "tagger",
            "words": list(self.words),
            "letters": list(self.characters),
            "tags": list(self.tags),
            "intents": list(self.intents),
            "scheme": self.scheme or "",
            "features": self.features,
            "feature_names": list(self.feature_names),
            "lowercase": self.lowercase,
            "digits": self.digits,
            **types,
            **stored_form(self.unicode_form),
            **({"centre": list(self.centre)} if self.centre else {}),
        }

    @classmethod
    def from_json(cls, content: object) -> TaggerVocabulary:
        """Load what `to_json` returned. Raises ArtifactError for anything else."""
        kinds = {"kind": str, "words": list, "letters": list, "tags": list, "intents": list, "scheme": str,
                 "features": int, "feature_names": list, "lowercase": bool, "digits": bool,
                 "label_types": list, "unicode_form": str, "centre": list}  # fmt: skip
        if isinstance(content, dict):
            added = {"feature_names": [], "label_types": ["text", "text"], "unicode_form": KEEP, "centre": []}
            content = {**added, **content}
        fields = dict(check_fields(content, kinds, "a tagger's vocabulary"))
        if fields.pop("kind") != "tagger":
            raise ArtifactError("expected a tagger's vocabulary. Received: another kind")
        for name in ("words", "letters", "tags", "intents", "feature_names"):
            values = fields[name]
            if len(values) > _MOST or not all(type(value) is str for value in values):
                raise ArtifactError(f"expected the {name} of a tagger to be texts, at most {_MOST}. Received: others")
            if len(set(values)) != len(values):
                raise ArtifactError(f"expected the {name} of a tagger to be different. Received: some twice")
            fields[name] = tuple(values)
        if len(fields["tags"]) < 2 or len(fields["intents"]) == 1:
            raise ArtifactError("expected at least two tags, and no or two intents, of a tagger. Received: fewer")
        if any(len(character) != 1 for character in fields["letters"]):
            raise ArtifactError("expected the characters of a tagger to be single characters. Received: longer texts")
        if not 0 <= fields["features"] <= _MOST or bool(fields["features"]) == bool(fields["letters"]):
            raise ArtifactError("expected a tagger of either words or frames. Received: both or neither")
        if fields["feature_names"] and len(fields["feature_names"]) != fields["features"]:
            raise ArtifactError("expected a name for every feature of a tagger, or no names. Received: another count")
        fields["label_types"] = _checked_types(fields["label_types"], fields["tags"], fields["intents"])
        check_stored_form(fields["unicode_form"])
        fields["centre"] = checked_centre(fields["centre"], fields["features"], "a tagger's frames")
        scheme = fields["scheme"] or None
        if scheme is not None and (scheme not in SCHEMES or not is_written_in(scheme, fields["tags"])):
            raise ArtifactError(f"expected the tagging scheme of a tagger's tags. Received: {scheme!r} for other tags")
        # Files keep the key that they have always had.
        return cls(characters=fields.pop("letters"), **{**fields, "scheme": scheme})


def broken_tags(vocabulary: TaggerVocabulary, data: TaggedDataset, *, training: bool = False) -> str | None:
    """Return a remark on the tags of `data` that break the notation of the spans and are read otherwise, or None.

    Also where some tags are in a notation of spans, but too many are not.
    """
    counts = Counter(tag for tags in data.tags or () for tag in tags)
    if vocabulary.scheme is None:
        inside = {tag: count for tag, count in counts.items() if any(is_written_in(each, [tag]) for each in SCHEMES)}
        if not inside or OUTSIDE not in counts:
            return None
        others = [tag for tag in counts if tag not in inside and tag != OUTSIDE]
        if not others:
            return None
        return (
            f"the tags are taken as plain labels, not as spans: some, such as {next(iter(inside))!r}, are in a "
            f"notation of spans, but {sum(counts[tag] for tag in others):,} of {counts.total():,} are not, such as "
            f"{', '.join(map(repr, others[:3]))}"
        )
    read = {tag: vocabulary.read_tag(tag, training=training) for tag in counts}
    readings = {(tag, read[tag]): count for tag, count in counts.most_common() if read[tag] != tag}
    return describe_readings(readings, counts.total(), vocabulary.scheme) if readings else None


def unseen_answers(vocabulary: TaggerVocabulary, data: TaggedDataset) -> str | None:
    """Return a remark on the tags and sentence labels of `data` that were not seen in training, or None."""
    data = vocabulary.with_read_tags(data)
    notes = []
    for what, known, found in (
        ("tag", vocabulary.tags, [tag for tags in data.tags or () for tag in tags]),
        ("sentence label", vocabulary.intents, (data.intents or []) if vocabulary.intents else []),
    ):
        strange = sorted(set(found) - set(known))
        if strange:
            count = sum(each in set(strange) for each in found)
            shown = ", ".join(map(repr, strange[:5])) + (", ..." if len(strange) > 5 else "")
            notes.append(f"{count:,} {what}{'s' * (count > 1)} not seen in training, and counted as wrong: {shown}")
    return "; ".join(notes) or None


def _learnt(labels: Sequence[str], given: str) -> tuple[list[str], str]:
    """Return the different labels, sorted, and their type: that `given` with data in memory, or that of files."""
    found, in_files = (set(labels), given) if given else names_in_files(labels)
    return sorted(found), in_files


def _checked_types(types: list[Any], *names: Sequence[str]) -> tuple[str, str]:
    """Return the types of tags and sentence labels. Raises ArtifactError unless the names have these types."""
    try:
        tag_type, intent_type = types
        for kind, own in zip((tag_type, intent_type), names, strict=True):
            for name in own:
                LABEL_TYPES[kind](name)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"expected the types of a tagger's labels. Received: {str(types)[:60]}") from error
    return tag_type, intent_type


def _check_sizes(data: TaggedDataset, answers: Sequence[str]) -> None:
    longest = max(answers, key=len)
    if len(longest) <= _LONGEST_TAG:
        return
    row = next(
        row for row in range(len(data)) if longest in [*(data.tags or [])[row], *(data.intents or [])[row : row + 1]]
    )
    raise DataError(
        f"{data.places[row]}: expected tags of at most {_LONGEST_TAG:,} characters. "
        f"Received: one of {len(longest):,}, {longest[:40]!r}..."
    )


def normalised(word: str, lowercase: bool, digits: bool) -> str:
    """Return a word as it is looked up in the vocabulary."""
    if lowercase:
        word = word.lower()
    return _DIGIT.sub("0", word) if digits else word
