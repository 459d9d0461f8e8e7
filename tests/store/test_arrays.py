"""Lists come back from PostgreSQL as they were given."""

from collections.abc import Iterator
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.postgres import PostgresCluster

from waypost.store.arrays import array_literal
from waypost.store.connections import PostgresConnector
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_BACK = {
    kind: Sql(f"SELECT v.a FROM ROWS(:a {kind}, :place integer) AS v ORDER BY v.place")
    for kind in ("text", "bigint", "bytea")
}
_PLAIN = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)))


class _Word(StrEnum):
    NULL = "NULL"


class _Number(IntEnum):
    FORTY = 40


@pytest.fixture(scope="module")
def tx(postgres_cluster: PostgresCluster) -> Iterator[Tx]:
    connection = PostgresConnector(postgres_cluster.url()).open_writer()
    yield connection.tx
    connection.close()


def _back(tx: Tx, kind: str, column: list[object]) -> list[object]:
    rows = tx.rows(_BACK[kind], a=column, place=list(range(len(column))))
    return [bytes(row[0]) if kind == "bytea" and row[0] is not None else row[0] for row in rows]


@given(column=st.lists(st.none() | _PLAIN | st.sampled_from(['"', "\\", "{}", "NULL", "", "\x1f", "a,b", '\\"', "é"])))
def test_texts_come_back(tx: Tx, column: list[object]) -> None:
    assert _back(tx, "text", column) == column


@given(column=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_numbers_come_back(tx: Tx, column: list[object]) -> None:
    assert _back(tx, "bigint", column) == column


def test_bytes_come_back(tx: Tx) -> None:
    column: list[object] = [b"\x00\xff", None, b""]
    assert _back(tx, "bytea", column) == column


def test_members_of_enums_are_written_as_their_values(tx: Tx) -> None:
    assert _back(tx, "text", [_Word.NULL, "x"]) == ["NULL", "x"]
    assert _back(tx, "bigint", [_Number.FORTY, 1]) == [40, 1]


def test_a_list_finds_its_members(tx: Tx) -> None:
    found = tx.rows(
        Sql("SELECT v.a FROM ROWS(:a text, :b bigint) AS v WHERE v.a = ANY(:names)"),
        a=["x", "y"],
        b=[1, 2],
        names=["y", 'z"'],
    )
    assert found == [("y",)]


def test_an_empty_list_is_an_empty_array() -> None:
    assert array_literal([]) == "{}"
