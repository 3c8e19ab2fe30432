"""What the OpenAPI document says is what the server does, whatever is sent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.serve.conftest import TOKEN, StubServices
from vision.serve.http import create_app
from vision.serve.settings import Settings

# VISION_FUZZ=1000 sends that many requests per operation and kind.
EXAMPLES = int(os.environ.get("VISION_FUZZ", "25"))
SENT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# Bytes that fit the schema of a form are no image by that: 422 is the right answer.
load_all_checks()
NOT_MEANT = ("positive_data_acceptance", "max_response_time")
MEANT = [check for check in CHECKS.get_all() if check.__name__ not in NOT_MEANT]


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    yield from _made()


@pytest.fixture(scope="module")
def app_with_token() -> Iterator[Any]:
    yield from _made(token=TOKEN)


def _made(**fields: Any) -> Iterator[Any]:
    # Bound to no name: any Host is taken, as that of the test's client is none of ours.
    given = Settings(host="0.0.0.0", max_upload=1 << 20, max_pixels=1 << 20, **fields)
    services = StubServices(given)
    services.warm()
    app = create_app(given, services)
    # schemathesis begins and ends the app around each request, and an end closes the queue.
    app.router.lifespan_context = _without_lifespan
    yield app
    services.close(5)


@asynccontextmanager
async def _without_lifespan(app: Any) -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="module")
def openapi(app: Any) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


OPERATIONS = [
    *(("/v1/forgery", "POST"), ("/v1/stereo", "POST"), ("/v1/video", "POST"), ("/v1/jobs/{id}", "GET")),
    *(("/v1/jobs/{id}", "DELETE"), ("/v1/models", "GET"), ("/healthz", "GET"), ("/readyz", "GET"), ("/metrics", "GET")),
]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_documented(openapi: Any, path: str, method: str, mode: GenerationMode) -> None:
    @SENT
    @given(case=openapi[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(checks=MEANT)

    try:
        send()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing that could be wrong


@pytest.mark.parametrize(("path", "method"), [("/metrics", "GET"), ("/v1/jobs/{id}", "DELETE"), ("/healthz", "GET")])
def test_who_has_to_bring_the_token_is_documented(app_with_token: Any, path: str, method: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    openapi = schemathesis.openapi.from_asgi("/openapi.json", app_with_token, headers=bearer)
    operation = openapi[path][method]
    assert ("bearer" in str(operation.definition.raw.get("security", openapi.raw_schema["security"]))) is (
        path != "/healthz"
    )

    @SENT
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        case.call_and_validate(checks=MEANT, headers=bearer)  # one of the checks sends it without the token, too

    send()


def test_the_document_is_of_openapi_3_1_and_names_every_refusal(openapi: Any) -> None:
    document = openapi.raw_schema
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        *("/v1/forgery", "/v1/stereo", "/v1/video", "/v1/jobs/{id}", "/v1/models", "/healthz", "/readyz", "/metrics")
    }
    refused = {"400", "401", "403", "408", "411", "413", "415", "422", "429", "500", "503"}
    for path in ("/v1/forgery", "/v1/stereo", "/v1/video"):
        answers = document["paths"][path]["post"]["responses"]
        assert set(answers) - {"200", "202"} == refused | ({"406"} if path != "/v1/video" else set())
        assert all("application/problem+json" in answers[status]["content"] for status in refused)
