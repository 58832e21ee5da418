"""Errors as Beacon clients expect them."""

import json

import pytest

from gateway.errors import BadRequest, DatabaseDown, NotFound
from gateway.formats.beacon_envelope import error as envelope_error


def test_an_error_has_the_shape_that_beacon_clients_expect():
    answer = json.loads(envelope_error(BadRequest("no whole number", parameter="start"), "org.progenetix", "r-1"))
    assert answer == {
        "meta": {
            "apiVersion": "v2.1.0",
            "beaconId": "org.progenetix",
            "receivedRequestSummary": {
                "apiVersion": "v2.1.0",
                "requestedSchemas": [],
                "pagination": {"skip": 0, "limit": 0},
                "requestedGranularity": "record",
            },
            "returnedGranularity": "boolean",
            "returnedSchemas": [],
            "info": {"requestId": "r-1"},
        },
        "error": {"errorCode": 400, "errorMessage": "start: no whole number"},
    }


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BadRequest("limit: '-1' is negative", parameter="limit"), 400, "limit: '-1' is negative"),
        (NotFound("no such path"), 404, "no such path"),
        (DatabaseDown('the "database" is down\n'), 503, 'the "database" is down\n'),
    ],
)
def test_errors_name_their_parameter_once(error, code, message):
    answer = json.loads(envelope_error(error, "b", "r"))
    assert answer["error"] == {"errorCode": code, "errorMessage": message}
