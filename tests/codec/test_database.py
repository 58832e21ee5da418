"""Replies of a real server, of both models: the compiled engine takes them as they are."""

from typing import Any

import pytest
from bson import encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from gateway.codec import json_rows
from gateway.formats import pgxseg, sample_lines
from tests.codec import records
from tests.codec.engines import ENGINES, HEADERS, Engine, sure_rows


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_the_compiled_engine_needs_no_help(
    compiled: Engine, mongo: MongoClient[dict[str, Any]], dataset: str, request: pytest.FixtureRequest
):
    database = mongo[request.getfixturevalue(dataset)]
    fields = sorted({cell.path.split(".")[0] for column in pgxseg.COLUMNS for cell in column.cells})
    reply = database.command(
        {
            "find": "variants",
            "projection": dict.fromkeys(fields, 1),
            "limit": 400,
            "batchSize": 400,
            "singleBatch": True,
        },
        codec_options=CodecOptions(document_class=RawBSONDocument),
    )
    _, array = compiled.split_reply(bytes(reply.raw))
    found = sure_rows([array], pgxseg.COLUMNS, "biosample_id")
    assert found is not None
    assert found.matched == compiled.count(array) == 400
    assert found == ENGINES["python"].rows([array], pgxseg.COLUMNS, "biosample_id")


def test_nor_for_sample_lines(compiled: Engine, mongo: MongoClient[dict[str, Any]], demo: str):
    raw = CodecOptions(document_class=RawBSONDocument)
    command = {"find": "biosamples", "projection": dict(sample_lines.PROJECTION), "limit": 50, "batchSize": 50}
    reply = mongo[demo].command(command, codec_options=raw)
    _, array = compiled.split_reply(bytes(reply.raw))
    for header, reference in HEADERS:
        found = compiled.lines([array], header, "id")
        assert found is not None
        assert found.rows > 1
        assert found == reference([array])


def test_the_compiled_engine_writes_records_by_itself(mongo: MongoClient[dict[str, Any]], demo: str):
    array = encode({str(n): document for n, document in enumerate(mongo[demo].variants.find().limit(400))})
    found = records.sure([array], *records.PLANS[0])
    assert found is not None
    assert found == json_rows([array], *records.PLANS[0])
    assert found.rows == 400
