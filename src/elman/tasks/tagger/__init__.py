"""The tagger: sentences or frames in, a tag for every step out, and a label of the sentence if wanted."""
