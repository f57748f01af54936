"""What an exchange shows: the table of the research, row by row. Numbers refer to its acceptance list."""

from __future__ import annotations

from typing import Any

import pytest

from monitoring.machine import Verdict
from monitoring.verdicts import Exchange, Failure, Scope, judge, of_traffic

REACHED = '{"error": {"message": "Could not finish the message because max_tokens or model output limit was reached."}}'


@pytest.mark.parametrize(
    ("facts", "verdict", "scope"),
    [
        ({"status": 200, "has_choice": True, "finish_reason": "stop", "tokens": 9}, Verdict.UP, Scope.OFFER),
        ({"status": 200, "finish_reason": "length", "tokens": 16}, Verdict.UP, Scope.OFFER),
        ({"status": 200, "has_choice": True, "ended_in_error": True}, Verdict.DOWN, Scope.OFFER),
        ({"status": 200, "has_choice": True, "finish_reason": "error"}, Verdict.DOWN, Scope.OFFER),
        ({"status": 200}, Verdict.NOTHING, Scope.OFFER),
        ({"status": 400, "body": REACHED}, Verdict.UP, Scope.OFFER),
        ({"status": 400, "body": "max_tokens must be at least 16"}, Verdict.NOTHING, Scope.OFFER),
        ({"status": 404, "body": "No endpoints found for maker/model."}, Verdict.MISSING, Scope.OFFER),
        ({"status": 400, "body": '{"code": "model_not_available"}'}, Verdict.MISSING, Scope.OFFER),
        *(({"status": status}, Verdict.NOTHING, Scope.OFFER) for status in (400, 404, 413, 415, 422)),
        *(({"status": status}, Verdict.NOTHING, Scope.KEY) for status in (401, 403)),
        ({"status": 402}, Verdict.NOTHING, Scope.CREDIT),
        ({"status": 408}, Verdict.SLOW, Scope.OFFER),
        ({"failure": Failure.TIMEOUT}, Verdict.SLOW, Scope.OFFER),
        *(({"status": status}, Verdict.LIMITED, Scope.OFFER) for status in (425, 429)),
        ({"status": 503, "body": "Model is loading, please retry"}, Verdict.COLD, Scope.OFFER),
        *(({"status": status}, Verdict.DOWN, Scope.OFFER) for status in (500, 502, 503, 504, 529)),
        ({"failure": Failure.CONNECT}, Verdict.NOTHING, Scope.REACH),
    ],
)
def test_08_an_exchange_has_one_verdict(facts: Any, verdict: Verdict, scope: Scope) -> None:
    found = judge(Exchange(**facts))

    assert (found.verdict, found.scope) == (verdict, scope)
    assert found.reason


@pytest.mark.parametrize(("asked", "limited"), [(None, None), (90, 90), (10**9, 21_600), (-5, 0)])
def test_a_rate_limit_lasts_as_long_as_it_says_but_not_longer_than_six_hours(asked: Any, limited: Any) -> None:
    assert judge(Exchange(status=429, retry_after_seconds=asked)).limited_seconds == limited


@pytest.mark.parametrize(
    ("ok", "failed", "verdict"),
    [
        (20, 0, Verdict.UP),
        (16, 4, Verdict.UP),
        (15, 5, Verdict.DOWN),
        (0, 3, Verdict.DOWN),
        (0, 2, Verdict.NOTHING),
        (1, 18, Verdict.NOTHING),
        (0, 0, Verdict.NOTHING),
    ],
)
def test_enough_requests_of_clients_say_how_an_offer_does(ok: int, failed: int, verdict: Verdict) -> None:
    assert of_traffic(ok=ok, failed=failed) is verdict
