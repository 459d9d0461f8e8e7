"""Files of recipients, and what is said of those that cannot be read."""

import pytest

from waypost.cli.exits import CommandFailure
from waypost.cli.recipients import open_recipients


def _rows(tmp_path, content, column=None):
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    return list(open_recipients(path, recipient_column=column).rows())


@pytest.mark.parametrize(
    "content",
    [
        b"to,name\n12025550143,Ann\n+12025550144,Bob\n",
        b"\xef\xbb\xbfto;name\r\n12025550143;Ann\r\n\r\n+12025550144;Bob",
        b"to\tname\n12025550143\tAnn\n \t\n+12025550144\tBob\n",
        b'"to","name"\n"12025550143","Ann"\n" +12025550144 ","Bob"\n',
    ],
)
def test_commas_semicolons_tabs_quotes_and_a_byte_order_mark_are_all_read_alike(tmp_path, content):
    rows = _rows(tmp_path, content)

    assert [(row.recipient, row.fields["name"], row.fault) for row in rows] == [
        ("12025550143", "Ann", None),
        ("12025550144", "Bob", None),
    ]


def test_a_row_that_cannot_be_sent_says_why_and_on_which_line_it_begins(tmp_path):
    content = b'name,to\n"two\nlines",12025550143\nAnn,123\nBob\nCid,1202555014x\nDan,1,2\nEve,1234567890123456\n'

    rows = _rows(tmp_path, content, "to")

    assert [(row.line, row.fault) for row in rows] == [
        (2, None),
        (4, "the recipient has less than 10 digits"),
        (5, "has 1 fields, the header has 2"),
        (6, "the recipient is no number of digits alone"),
        (7, "has 3 fields, the header has 2"),
        (8, "the recipient has more than 15 digits"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"to,to\n", "names to twice"),
        (b"to,\n", "has a column without a name"),
        (b"12025550143,Ann\n", "has no header"),
        (b"to,name\n12025550143,\xff\n", "is not UTF-8"),
        (b'to,name\n12025550143,"Ann\n', "is not CSV"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong(tmp_path, content, said):
    with pytest.raises(CommandFailure, match=said):
        _rows(tmp_path, content)


def test_a_file_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(CommandFailure, match="cannot be read: No such file"):
        open_recipients(tmp_path / "absent.csv", recipient_column=None)


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(CommandFailure) as failure:
        _rows(tmp_path, b"to,name\n", "phone")
    assert "to, name" in failure.value.hint


def test_json_lines_are_read_as_rows_and_say_what_is_wrong_with_them(tmp_path):
    content = (
        b'{"to": 12025550143, "name": "Ann", "is_new": true}\n'
        b"\n"
        b'{"name": "Bob", "to": "+12025550144", "is_new": null, "more": "1"}\n'
        b'{"to": "12025550145"}\n'
        b'{"to": "12025550146", "name": ["Cid"], "is_new": 1}\n'
        b"no object\n"
        b'{"to": "x", "name": "Dan", "is_new": 2}\n'
    )

    rows = _rows(tmp_path, content)

    assert [(row.line, row.recipient, row.fields.get("is_new"), row.fault) for row in rows] == [
        (1, "12025550143", "true", None),
        (3, "12025550144", "", None),
        (4, "12025550145", None, "lacks name, is_new"),
        (5, "12025550146", "1", "name is no text"),
        (6, "", None, "is no JSON object"),
        (7, "x", "2", "the recipient is no number of digits alone"),
    ]
    with pytest.raises(CommandFailure, match="has no column nobody"):
        _rows(tmp_path, content, "nobody")
    with pytest.raises(CommandFailure, match="is no JSON object"):
        _rows(tmp_path, b"{broken\n")
