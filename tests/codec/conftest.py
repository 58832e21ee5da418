"""Each engine serves each test that asks for `engine`."""

import pytest

from tests.codec.engines import ENGINES, Engine


@pytest.fixture(scope="session", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    found = ENGINES[request.param]
    if found is None:
        pytest.skip("the compiled engine is not built")
    return found


@pytest.fixture(scope="session")
def compiled() -> Engine:
    found = ENGINES["compiled"]
    if found is None:
        pytest.skip("the compiled engine is not built")
    return found
