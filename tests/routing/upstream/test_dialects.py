"""What distinguishes the gateways, and the keys that they get."""

from __future__ import annotations

from django.conf import settings

from catalog import registry
from routing.upstream.credentials import REFUSED_SECONDS, Credentials
from routing.upstream.registry import DIALECTS
from routing.wire.errors import Failure
from routing.wire.request import Kind


def test_every_gateway_that_runs_models_has_a_dialect() -> None:
    runs = {slug for slug, gateway in registry.GATEWAYS.items() if gateway.completions_url}

    assert DIALECTS.keys() == runs == settings.INFERENCE_KEYS.keys()
    addresses = {slug: settings.INFERENCE_BASES[slug] + DIALECTS[slug].path(Kind.CHAT) for slug in runs}
    assert addresses == {
        "chutes": "https://llm.chutes.ai/v1/chat/completions",
        "featherless": "https://api.featherless.ai/v1/chat/completions",
        "openrouter": "https://openrouter.ai/api/v1/chat/completions",
        "portkey": "https://api.portkey.ai/v1/chat/completions",
    }


def test_portkey_has_a_header_and_statuses_of_its_own() -> None:
    portkey = DIALECTS["portkey"]

    assert portkey.headers("key") == {"x-portkey-api-key": "key"}
    assert portkey.failure(412, b"{}") is Failure.CREDENTIAL
    assert portkey.failure(446, b"{}") is Failure.CLIENT
    assert portkey.failure(246, b'{"choices":[{"index":0}]}') is None


def test_a_cold_model_of_featherless_is_no_mistake_of_the_client() -> None:
    body = b'{"error":{"message":"The model is cold, try again later."}}'

    assert DIALECTS["featherless"].failure(400, body) is Failure.OVERLOADED
    assert DIALECTS["chutes"].failure(400, body) is Failure.CLIENT


def test_keys_take_turns_and_rest_after_they_were_refused() -> None:
    now = 0.0
    credentials = Credentials({"chutes": ("a", "b", "a"), "portkey": ()}, clock=lambda: now)

    assert [each.secret for each in credentials.usable("chutes")] == ["a", "b"]
    assert [each.secret for each in credentials.usable("chutes")] == ["b", "a"]
    assert list(credentials.gateways) == ["chutes"]
    first, second = credentials.usable("chutes")
    credentials.refused(first)
    assert credentials.usable("chutes") == [second]
    credentials.refused(second)
    assert len(credentials.usable("chutes")) == 2
    now = REFUSED_SECONDS
    assert len(credentials.usable("chutes")) == 2
    assert "a" not in repr(first).replace("gateway", "").replace("Credential", "").replace("chutes", "")
