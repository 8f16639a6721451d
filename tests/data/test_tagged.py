"""Reading sentences and frames with tags: CoNLL-U, columns, triples, NumPy files, tables, and Python's own lists."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from elman.data.tagged import plain_format_of, read_plain, read_tagged, tagged_from
from elman.errors import ConfigError, DataError, EncodingError

CONLLU = """\
# sent_id = 1
# text = It's fine.
1-2\tIt's\t_\t_\t_\t_\t_\t_\t_\t_
1\tIt\tit\tPRON\tPRP\tCase=Nom\t3\tnsubj\t_\t_
2\t's\tbe\tAUX\tVBZ\t_\t3\tcop\t_\t_
3\tfine\tfine\tADJ\tJJ\tDegree=Pos\t0\troot\t_\t_
3.1\tghost\t_\tVERB\t_\t_\t_\t_\t_\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_

1\tYes\tyes\tINTJ\tUH\t_\t0\troot\t_\t_
"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def conllu_line(number: int, word: str, tag: str) -> str:
    return "\t".join([str(number), word, "_", tag, *"______"]) + "\n"


def test_conllu_has_words_and_no_ranges_or_ghosts(tmp_path: Path) -> None:
    data = read_tagged([write(tmp_path, "a.conllu", CONLLU)])
    assert data.words == [["It", "'s", "fine", "."], ["Yes"]]
    assert data.tags == [["PRON", "AUX", "ADJ", "PUNCT"], ["INTJ"]]
    assert data.intents is None
    assert [place.rpartition("line ")[2] for place in data.places] == ["4", "10"]
    assert data.lengths.tolist() == [4, 1]


@pytest.mark.parametrize(
    ("column", "first"),
    [("xpos", "PRP"), ("feats", "Case=Nom"), ("deprel", "nsubj"), ("lemma", "it"), ("head", "3")],
)
def test_any_column_of_conllu_can_be_the_tag(column: str, first: str, tmp_path: Path) -> None:
    data = read_tagged([write(tmp_path, "a.conllu", CONLLU)], tag_column=column)
    assert data.tags is not None
    assert data.tags[0][0] == first


def test_bom_windows_lines_and_gzip_change_nothing(tmp_path: Path) -> None:
    plain = read_tagged([write(tmp_path, "a.conllu", CONLLU)])
    strange = b"\xef\xbb\xbf" + CONLLU.replace("\n", "\r\n").encode()
    for name, content in (("b.conllu", strange), ("c.conllu.gz", gzip.compress(strange))):
        assert read_tagged([write(tmp_path, name, content)]).fingerprint() == plain.fingerprint()


def test_intents_in_comments(tmp_path: Path) -> None:
    text = "# intent = Greet\n" + conllu_line(1, "hi", "X") + "\n# intent = Leave\n" + conllu_line(1, "bye", "X")
    assert read_tagged([write(tmp_path, "a.conllu", text)]).intents == ["Greet", "Leave"]
    broken = write(tmp_path, "b.conllu", text.replace("# intent = Leave", "# other"))
    with pytest.raises(DataError, match=r"b.conllu, line 5: expected a comment '# intent =' above all sentences"):
        read_tagged([broken])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\ta\tb\n", r"line 1: expected 10 columns with tabs between them. Received: 3"),
        (conllu_line(2, "a", "X"), r"line 1: expected the word's number 1. Received: '2'"),
        (conllu_line(1, "a", "X") + conllu_line(1, "b", "X"), r"line 2: expected the word's number 2. Received: '1'"),
        (conllu_line(1, "a", ""), "line 1: expected a tag in the column upos. Received: an empty cell"),
        (conllu_line(1, "", "X"), "line 1: expected words. Received: an empty one"),
        ("# only a comment\n\n", "expected sentences in CoNLL-U. Received: none"),
        ("", "expected sentences in CoNLL-U. Received: none"),
        (conllu_line(1, "a" * 10_000_000, "X"), "at most 10,000 characters. Received: one of 10,000,000"),
    ],
    ids=["ragged", "begins at two", "number twice", "no tag", "no word", "comment", "empty", "ten megabytes"],
)
def test_broken_conllu_is_refused_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"a.conllu.*{said}"):
        read_tagged([write(tmp_path, "a.conllu", text)])


def test_an_unknown_column_of_conllu(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Received: 'upso'. Did you mean 'upos'\?"):
        read_tagged([write(tmp_path, "a.conllu", CONLLU)], tag_column="upso")


@pytest.mark.parametrize("tab", ["\t", " ", "   "])
def test_two_columns(tab: str, tmp_path: Path) -> None:
    text = f"EU{tab}B-ORG\nrejects{tab}O\n\n\nPeter{tab}B-PER\n"
    data = read_tagged([write(tmp_path, "a.txt", text)])
    assert data.words == [["EU", "rejects"], ["Peter"]]
    assert data.tags == [["B-ORG", "O"], ["B-PER"]]
    assert data.places[1].endswith("line 5")


def test_columns_by_number_and_document_marks(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\n1 EU NNP B-ORG\n2 'rejects' VBZ O\n"
    path = write(tmp_path, "a.txt", text)
    data = read_tagged([path], word_column=2, tag_column="3")
    assert data.words == [["EU", "'rejects'"]]
    assert data.tags == [["NNP", "VBZ"]]
    assert read_tagged([path], word_column=2).tags == [["B-ORG", "O"]]


def test_quotes_and_hashes_are_words(tmp_path: Path) -> None:
    data = read_tagged([write(tmp_path, "a.txt", '"\tPUNCT\n#\tSYM\na"b\tX\n')])
    assert data.words == [['"', "#", 'a"b']]


def test_a_cell_with_spaces_where_tabs_part_cells(tmp_path: Path) -> None:
    data = read_tagged([write(tmp_path, "a.tags", "New York\tB-LOC\n")])
    assert data.words == [["New York"]]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a X\nb\n", {}, "line 2: expected 2 columns, as above. Received: 1"),
        ("a\n", {}, "line 1: expected words and tags in different columns. Received: both in 1"),
        ("a X\n", {"tag_column": "3"}, "line 1: expected the tags in column 3. Received: 2 columns"),
        ("a X\n", {"word_column": 4}, "line 1: expected the words in column 4. Received: 2 columns"),
        ("a\t\n", {}, "line 1: expected the tags in column 2. Received: an empty cell"),
        ("\tX\n", {}, "line 1: expected the words in column 1. Received: an empty cell"),
        ("\n \n", {}, "expected words with tags, one word per line. Received: none"),
    ],
)
def test_broken_columns_are_refused_with_their_place(text: str, options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"a.txt.*{said}"):
        read_tagged([write(tmp_path, "a.txt", text)], **options)


def test_the_column_of_the_tags_must_be_a_number(tmp_path: Path) -> None:
    for wrong in ("upos", "0", "-1"):
        with pytest.raises(ConfigError, match="expected the number of the tags' column, from 1"):
            read_tagged([write(tmp_path, "a.txt", "a X\n")], tag_column=wrong)


def triples(folder: Path, words: str, tags: str, labels: str | None) -> Path:
    write(folder, "seq.in", words)
    write(folder, "seq.out", tags)
    if labels is not None:
        write(folder, "label", labels)
    return folder


def test_triples(tmp_path: Path) -> None:
    folder = triples(tmp_path / "train", "play it  \nhello\n", "O B-song \nO\n", "Play\nGreet\n")
    data = read_tagged([folder])
    assert data.words == [["play", "it"], ["hello"]]
    assert data.tags == [["O", "B-song"], ["O"]]
    assert data.intents == ["Play", "Greet"]
    assert read_tagged([folder], with_tags=False).tags is None
    assert read_tagged([triples(tmp_path / "bare", "a\n", "O\n", None)]).intents is None


@pytest.mark.parametrize(
    ("words", "tags", "labels", "said"),
    [
        ("a b\n", "O\n", "x\n", "seq.out, line 1: expected a tag for each of the 2 words. Received: 1"),
        ("a\nb\n", "O\n", "x\ny\n", "seq.out: expected 2 lines, as in seq.in. Received: 1"),
        ("a\nb\n", "O\nO\n", "x\n", "label: expected 2 lines, as in seq.in. Received: 1"),
        ("a\n\n", "O\n\n", "x\ny\n", "seq.in, line 2: expected at least one word. Received: none"),
        ("a\nb\n", "O\nO\n", "x\n \n", "label, line 2: expected a label. Received: an empty line"),
        ("", "", "", "seq.in: expected one sentence per line. Received: none"),
    ],
)
def test_broken_triples_are_refused(words: str, tags: str, labels: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_tagged([triples(tmp_path / "x", words, tags, labels)])


def test_a_folder_without_triples(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a folder with seq.in"):
        read_tagged([tmp_path], format="triples")


def test_frames_of_numpy_files(tmp_path: Path) -> None:
    x, y = np.arange(12.0).reshape(2, 3, 2), np.array([["a", "b", "a"], ["b", "b", "a"]])
    np.savez(tmp_path / "many.npz", x=x, y=y, lengths=np.array([3, 1]))
    many = read_tagged([tmp_path / "many.npz"])
    assert many.frames is not None
    assert [each.tolist() for each in many.frames] == [x[0].tolist(), x[1, :1].tolist()]
    assert many.frames[0].dtype == np.float32
    assert many.tags == [["a", "b", "a"], ["b"]]
    assert many.features == 2
    assert many.words is None
    np.save(tmp_path / "one.npy", x[0])
    np.save(tmp_path / "one.labels.npy", np.array([1, 0, 1]))
    one = read_tagged([tmp_path / "one.npy"])
    assert one.tags == [["1", "0", "1"]]
    (tmp_path / "many.npz").unlink()
    assert read_tagged([tmp_path]).fingerprint() != many.fingerprint()
    assert read_tagged([tmp_path / "one.npy"], with_tags=False).tags is None


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


X, Y = np.zeros((2, 3)), np.array(["a", "b"])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y": Y}, "expected the arrays x and y. Received: y"),
        ({"x": X}, "expected the arrays x and y, the labels. Received: x only"),
        ({"x": X, "y": Y[:1]}, r"expected y of shape \(1, 2\), one label per frame. Received: \(1, 1\)"),
        ({"x": np.zeros(3), "y": Y}, "expected x as time x features"),
        ({"x": np.full((2, 3), np.nan), "y": Y}, "sequence 0, step 0: expected finite numbers. Received: nan"),
        ({"x": np.array([[1.0, np.inf], [0, 0]]), "y": Y}, "step 0: expected finite numbers. Received: inf in"),
        ({"x": np.array([["1", "2"], ["3", "4"]]), "y": Y}, "expected words, or frames as a matrix of numbers"),
        ({"x": X[None], "y": Y[None], "lengths": np.array([3])}, "expected lengths from 1 to 2. Received: 3 to 3"),
        ({"x": X[None], "y": Y[None], "lengths": np.array([1.0])}, "expected 1 integer lengths"),
    ],
)  # fmt: skip
def test_broken_frames_are_refused(arrays: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"a.npz.*{said}"):
        read_tagged([save(tmp_path / "a.npz", **arrays)])


def test_frames_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy: expected an array of numbers or texts"):
        read_tagged([tmp_path / "a.npy"], with_tags=False)
    np.save(tmp_path / "b.npy", X)
    with pytest.raises(DataError, match=r"expected its labels in b\.labels\.npy in the same folder"):
        read_tagged([tmp_path / "b.npy"])
    write(tmp_path, "c.npz", b"no zip file at all")
    with pytest.raises(DataError, match=r"c\.npz"):
        read_tagged([tmp_path / "c.npz"])


TABLE = "take,time,x,y,label\nb,1,5,6,up\na,2,3,4,down\na,1,1,2,up\n"
OPTIONS = {"sequence_column": "take"}


def test_frames_of_a_table_in_order_of_time(tmp_path: Path) -> None:
    strange = b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode()
    for content in (TABLE, strange):
        data = read_tagged([write(tmp_path, "a.csv", content)], **OPTIONS)
        assert data.frames is not None
        assert [each.tolist() for each in data.frames] == [[[5.0, 6.0]], [[1.0, 2.0], [3.0, 4.0]]]
        assert data.tags == [["up"], ["up", "down"]]
    bare = read_tagged([write(tmp_path, "b.csv", TABLE)], with_tags=False, **OPTIONS)
    assert bare.tags is None
    assert bare.features == 2


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (("take", "tak"), OPTIONS, "expected a column 'take'. Received: the columns 'tak'"),
        (("5,6", "five,6"), OPTIONS, "a.csv, line 2: expected a number in the column 'x'. Received: 'five'"),
        (("5,6", "nan,6"), OPTIONS, "a.csv, line 2: expected a number in the column 'x'. Received: 'nan'"),
        (("a,2", "a,1"), OPTIONS, "a.csv, line 4: expected different times in sequence 'a'. Received: 1 twice"),
        (("a,2", "a,noon"), OPTIONS, "a.csv, line 3: expected a number in the column 'time'"),
        (("5,6,up", "5,6,"), OPTIONS, "line 2: expected a tag in the column 'label'. Received: an empty cell"),
        (("5,6,up", "5,up"), OPTIONS, "line 2: expected 5 cells, as above. Received: 4"),
        (("", ""), {**OPTIONS, "tag_column": "gesture"}, "expected a column 'gesture'"),
    ],
)
def test_broken_tables_are_refused(change: tuple[str, str], options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_tagged([write(tmp_path, "a.csv", TABLE.replace(*change))], **options)


def test_a_table_without_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected columns of features, in addition to"):
        read_tagged([write(tmp_path, "a.csv", "sequence,time,label\na,1,up\n")])


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"caf\xe9 X\n")
    with pytest.raises(EncodingError, match=r"a\.txt"):
        read_tagged([path])
    assert read_tagged([path], encoding="latin-1").words == [["caf\xe9"]]


def test_several_files_and_those_that_do_not_fit(tmp_path: Path) -> None:
    write(tmp_path, "d/a.conllu", CONLLU)
    write(tmp_path, "d/b.conllu", CONLLU)
    both = read_tagged([tmp_path / "d"])
    assert len(both) == 4
    assert both.take([3, 0]).words == [["Yes"], ["It", "'s", "fine", "."]]
    np.savez(tmp_path / "c.npz", x=X, y=Y)
    with pytest.raises(DataError, match="expected words in all the data or in none"):
        read_tagged([tmp_path / "d", tmp_path / "c.npz"])
    np.savez(tmp_path / "e.npz", x=X[:, :2], y=Y)
    with pytest.raises(DataError, match=r"e\.npz: expected frames of 3 features, as in .*c\.npz. Received: 2"):
        read_tagged([tmp_path / "c.npz", tmp_path / "e.npz"])
    with pytest.raises(DataError, match="no such file"):
        read_tagged([tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="expected a format among"):
        read_tagged([tmp_path / "d"], format="xml")
    with pytest.raises(ConfigError, match="expected a format with tags"):
        read_tagged([tmp_path / "d"], format="plain")


def test_plain_sentences(tmp_path: Path) -> None:
    lines = ["It's well-known, isn't it?", "", " Yes. "]
    assert read_plain(lines, "x").words == [["It's", "well-known,", "isn't", "it?"], [], ["Yes."]]
    cut = read_plain(lines, "x", punctuation=True)
    assert cut.words == [["It's", "well-known", ",", "isn't", "it", "?"], [], ["Yes", "."]]
    assert cut.places == ["x, line 1", "x, line 2", "x, line 3"]
    with pytest.raises(DataError, match="x: expected one sentence per line"):
        read_plain(["", " "], "x")
    folder = triples(tmp_path / "t", "a\n", "O\n", None)
    names = {"a.conllu": "conllu", "a.txt": "plain", "-": "plain", "a.csv": "frames", str(folder): "triples"}
    assert {name: plain_format_of(name) for name in names} == names


def test_python_lists_and_arrays() -> None:
    data = tagged_from([["a", "b"], "c d e"], [["X", "Y"], np.array(["Z", "X", "Y"])], intents=[1, 2.0])
    assert data.words == [["a", "b"], ["c", "d", "e"]]
    assert (data.tags, data.intents) == ([["X", "Y"], ["Z", "X", "Y"]], ["1", "2"])
    assert data.label_types == ("text", "number")
    frames = tagged_from([np.zeros((2, 3)), [[1, 2, 3]]], [[0, 1], [1]])
    assert frames.features == 3
    assert frames.lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("sequences", "tags", "intents", "said"),
    [
        ([], None, None, "expected at least one sequence in the sentences. Received: none"),
        ([["a"]], [], None, "expected tags for the 1 sequences of the sentences. Received: 0"),
        ([["a", "b"]], [["X"]], None, "index 0: expected a tag for each of the 2 steps. Received: 1 tags"),
        ([["a"]], [[""]], None, "index 0: expected tags. Received: an empty one"),
        ([["a"], []], [["X"], []], None, "index 1: expected at least one word. Received: none"),
        ([["a"], ""], None, None, "index 1: expected at least one word. Received: none"),
        ([["a"]], [["X"]], ["p", "q"], "expected a label for each of the 1 sequences of the sentences. Received: 2"),
        ([["a", 1]], None, None, "index 0: expected words, or frames as a matrix of numbers"),
        ([np.zeros((2, 3)), np.zeros((2, 2))], None, None, "index 1: expected frames of 3 features. Received: 2"),
        ([[[1, 2], [3]]], None, None, "index 0: expected frames of equal size"),
        ([["a", "b"]], [["X", None]], None, "the tags of the sentences, index 0, number 2: .* Received: None"),
        ([["a", "b"]], [[0.0, float("nan")]], None, "the tags of the sentences, index 0, number 2: .* Received: nan"),
        ([["a", "b"]], [["X", 1]], None, "index 1: expected labels of one type, as the first, a text"),
        ([["a"]], [None], None, "expected a list or an array of tags. Received: NoneType"),
        ([["a"]], 5, None, "expected a list or an array of tags of each sequence. Received: int 5"),
        ([["a"]], [["X"]], [None], "the label of the sentences, index 0: .* Received: None"),
        ([["a"]], [["X"]], 5, "expected a list or an array of labels. Received: int 5"),
        ([None], None, None, "index 0: expected words, or frames as a matrix of numbers"),
        (None, None, None, "expected the sentences in a list or an array. Received: NoneType"),
        ({"a": 1}, None, None, "expected the sentences in a list or an array. Received: dict"),
        ([[[1.0, float("nan")]]], None, None, "index 0, step 0: expected finite numbers. Received: nan"),
    ],
)
def test_broken_lists_are_refused(sequences: list, tags: list | None, intents: list | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        tagged_from(sequences, tags, intents=intents)


def test_the_fingerprint_sees_every_change() -> None:
    base = (["a", "b"], ["X", "Y"], "p")
    others = [(["ab"], ["X"], "p"), (["a", "b"], ["X", "X"], "p"), (["a", "b"], ["X", "Y"], "q")]
    seen = {tagged_from([words], [tags], intents=[intent]).fingerprint() for words, tags, intent in (base, *others)}
    assert len(seen) == 4
    one, two = np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32)
    assert tagged_from([one]).fingerprint() != tagged_from([two]).fingerprint()


def test_only_punctuation_is_separated_from_words() -> None:
    lines = ["सीता पानी पीती है।", "be\u0301be\u0301 cafe\u0301.", "(«5 €», $7) snake_ ... 👍🏽!"]
    assert read_plain(lines, "x", punctuation=True).words == [
        ["सीता", "पानी", "पीती", "है", "।"],
        ["be\u0301be\u0301", "cafe\u0301", "."],
        ["(", "«", "5", "€", "»", ",", "$7", ")", "snake_", ".", ".", ".", "👍🏽", "!"],
    ]


TEN = (
    "1\tShe\tshe\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n2\tsees\tsee\tVERB\tVBZ\t_\t0\troot\t_\tSpaceAfter=No\n\n"
    "1-2\tdogs'\t_\t_\t_\t_\t_\t_\t_\t_\n1\tdogs\tdog\tNOUN\tNNS\t_\t0\troot\t_\t_\n"
)


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.conllx", "a.conllu", "a.conllup"])
@pytest.mark.parametrize("content", [TEN, "# text = She sees\n" + TEN, TEN.replace("\t", "  ")])
def test_ten_columns_are_conll_in_a_file_of_any_name(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    data = read_tagged([path])
    assert data.words == [["She", "sees"], ["dogs"]]
    assert data.tags == [["PRON", "VERB"], ["NOUN"]]
    assert read_tagged([path], tag_column="xpos").tags == [["PRP", "VBZ"], ["NNS"]]
    assert read_tagged([path], tag_column="5").tags == [["PRP", "VBZ"], ["NNS"]]
    with pytest.raises(DataError, match=r"expected tags in the column deps; tag_column names another one"):
        read_tagged([path], tag_column="deps")


def test_conllu_plus_names_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.conllup"
    path.write_text("# global.columns = ID FORM UPOS PARSEME:MWE\n1\tgo\tVERB\t*\n2\ton\tADP\t1\n")
    assert read_tagged([path]).tags == [["VERB", "ADP"]]
    assert read_tagged([path], tag_column="parseme:mwe").tags == [["*", "1"]]
    with pytest.raises(ConfigError, match=r"among upos, parseme:mwe\. Received: 'xpos'"):
        read_tagged([path], tag_column="xpos")


def test_numbers_of_words_are_no_words(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1 She PRON\n2 sees VERB\n\n1 Dogs NOUN\n")
    with pytest.raises(DataError, match=r"expected words in column 1; word_column names another one"):
        read_tagged([path])
    assert read_tagged([path], word_column=2).words == [["She", "sees"], ["Dogs"]]


@pytest.mark.parametrize("missing", [np.nan, None, np.inf])
def test_labels_of_frames_are_finite(missing: float | None) -> None:
    with pytest.raises(DataError, match=r"index 0, number 2: expected a label that is a text or a finite number"):
        tagged_from([np.zeros((2, 1))], [[1.0, missing]])


def test_a_missing_label_among_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sequence,time,x,label\na,0,1,1\na,1,1,nan\n")
    with pytest.raises(DataError, match=r"a\.csv, line 3: expected a tag in the column 'label', a number"):
        read_tagged([path])
    path.write_text("sequence,time,x,label\na,0,1,up\na,1,1,None\n")
    assert read_tagged([path]).tags == [["up", "None"]]
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 1)), y=np.array([1.0, np.nan]))
    with pytest.raises(DataError, match=r"a\.npz, sequence 0, number 2: expected a label"):
        read_tagged([tmp_path / "a.npz"])
