"""Failures that every contender goes through: `make bench-routing-failures`.

Each contender routes to two gateways: the first one fails in the way that the name of its model states, and the second
one answers well, unless stated otherwise. The steps are those of `tests/routing/upstream_server.py`. What the client
gets, and what the gateways have seen, is judged by a rule for each scenario. The matrix is written to
docs/measured/routing-failures.md if all contenders could be had.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import measured
from benchmarks.routing import FOLDER
from benchmarks.routing_contenders import (
    PATH,
    Contender,
    NotRun,
    Place,
    litellm,
    litellm_configuration,
    litellm_model,
    ours,
    portkey,
)
from benchmarks.runner import say
from tests.routing.upstream_server import WORDS, Seen, UpstreamServer, upstream_server

DEADLINE_SECONDS = 2
"""For the first content, and between two events. Every contender is configured with it."""
GRACE_SECONDS = 1.5
LEAVES_SECONDS = 1.0
LONGEST_SECONDS = 15.0
GOOD_STREAM, GOOD_ANSWER = "".join(WORDS), "Hello."


@dataclass
class Got:
    """What the client got."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_broken: bool = False
    """The connection ended before the answer did."""
    is_late: bool = False
    seconds: float = 0.0

    @property
    def events(self) -> list[bytes]:
        lines = self.body.replace(b"\r\n", b"\n").split(b"\n")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """Return the events that are JSON objects, or the answer itself if it is one."""
        found = []
        for text in self.events or [self.body]:
            with suppress(ValueError):
                chunk = json.loads(text)
                found += [chunk] if isinstance(chunk, dict) else []
        return found

    @property
    def text(self) -> str:
        choices = [choice for chunk in self.chunks for choice in chunk.get("choices") or []]
        parts = (choice.get("delta") or choice.get("message") or {} for choice in choices)
        return "".join(part.get("content") or "" for part in parts)

    @property
    def is_done(self) -> bool:
        return b"[DONE]" in self.events

    @property
    def shows_error(self) -> bool:
        return self.is_broken or self.status >= 400 or any(chunk.get("error") for chunk in self.chunks)


@dataclass
class Asked:
    """What the two gateways have seen of one request."""

    first: list[Seen]
    second: list[Seen]


Judge = Callable[[Got, Asked], str]
"""Returns what is wrong; empty for a pass."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    name: str
    first: str
    """The steps of the first gateway."""
    rule: str
    judge: Judge
    second: str = ""
    is_stream: bool = True
    leaves: bool = False
    """The client leaves once the first gateway has the request, or has sent what comes before the gate."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the request."""


# --- rules -----------------------------------------------------------------------------------------------------------
def second_serves(got: Got, seen: Asked) -> str:
    expected = GOOD_STREAM if got.events else GOOD_ANSWER
    if got.status != 200 or got.text != expected:
        return _shown(got)
    roles = sum(
        (choice.get("delta") or {}).get("role") is not None
        for chunk in got.chunks
        for choice in chunk.get("choices") or []
    )
    if got.events and (roles > 1 or not got.is_done):
        return f"{roles} roles, {'a' if got.is_done else 'no'} [DONE]"
    return "" if len(seen.second) == 1 else f"the second was asked {len(seen.second)} times"


def in_time(judge: Judge, seconds: float) -> Judge:
    def judged(got: Got, seen: Asked) -> str:
        return judge(got, seen) or (f"after {got.seconds:.1f} s" if got.seconds > seconds else "")

    return judged


def error_after_content(got: Got, seen: Asked) -> str:
    if seen.second:
        return f"the second was asked after content; {_shown(got)}"
    if got.is_late:
        return f"still open after {LONGEST_SECONDS:.0f} s"
    if not got.shows_error:
        return f"looks whole: {len(got.events)} events, {'a' if got.is_done else 'no'} [DONE]"
    return "has [DONE] in spite of the error" if got.is_done else ""


def shows_error(got: Got, seen: Asked) -> str:
    return "" if got.shows_error and not got.is_late else _shown(got)


def mistake_returned(got: Got, seen: Asked) -> str:
    if seen.second:
        return "the second was asked"
    return "" if got.status == 400 and b"status 400" in got.body else _shown(got)


def few_attempts(got: Got, seen: Asked) -> str:
    attempts = len(seen.first) + len(seen.second)
    if attempts > 4:
        return f"{attempts} attempts"
    return "" if got.status in {502, 503, 504} else _shown(got)


def retry_after(got: Got, seen: Asked) -> str:
    if got.status not in {429, 503}:
        return _shown(got)
    stated = got.headers.get("retry-after", "")
    return (
        "" if stated.isdecimal() and 1 <= int(stated) <= 9 else f"{got.status} with Retry-After {stated or 'missing'}"
    )


def not_sent_again(got: Got, seen: Asked) -> str:
    attempts = len(seen.first) + len(seen.second)
    if attempts > 1:
        return f"sent {attempts} times: it may be billed as often"
    return "" if got.status >= 500 else _shown(got)


def first_left(got: Got, seen: Asked) -> str:
    if not seen.first:
        return "the first was not asked"
    return "" if seen.first[0].gone.wait(LEAVES_SECONDS) else f"goes on {LEAVES_SECONDS:.0f} s later"


def text_is(text: str) -> Judge:
    def judged(got: Got, seen: Asked) -> str:
        if got.status == 200 and got.text == text and got.is_done and not got.shows_error:
            return ""
        return f"{len(got.text)} of {len(text)} characters; {_shown(got)}"

    return judged


def malformed_passes(got: Got, seen: Asked) -> str:
    text = words(60)
    if got.status == 200 and got.text == text and got.is_done:
        return ""
    return f"{len(got.text)} of {len(text)} characters; {_shown(got)}"


def words(number: int) -> str:
    return "".join(WORDS[place % len(WORDS)] for place in range(number))


def bytes_unchanged(got: Got, seen: Asked) -> str:
    """The stream is the gateway's, without a usage that the client did not ask for; comments are allowed."""
    sent = [event for event in bytes(seen.first[0].sent).split(b"\n\n") if event and b'"usage":{' not in event]
    lines = [line for line in got.body.split(b"\n") if not line.startswith(b":")]
    received = [event for event in b"\n".join(lines).split(b"\n\n") if event]
    return "" if sent == received else f"{len(received)} events of other bytes, {len(sent)} were sent"


def parameter_sent(got: Got, seen: Asked) -> str:
    if got.status != 200:
        return _shown(got)
    found = seen.first[0].json.get("x_new")
    return "" if found == NEW["x_new"] else f"arrived as {found}"


def not_our_key(got: Got, seen: Asked) -> str:
    return (
        f"{got.status}: as if the client's key were wrong" if got.status in {401, 402, 403} else shows_error(got, seen)
    )


def _shown(got: Got) -> str:
    """Return in a few words what the client got."""
    if got.is_late:
        return f"no answer within {LONGEST_SECONDS:.0f} s"
    broken = ", connection broken" if got.is_broken else ""
    error = next((str(chunk["error"])[:80] for chunk in got.chunks if chunk.get("error")), "")
    return f"{got.status}{broken}, {len(got.text)} characters{', ' + error if error else ''}"


NEW = {"x_new": {"a": [1, 2.5]}}
SERVED = "the second answers"
SCENARIOS = (
    Scenario(name="cut after content", first="H R D40 cut", judge=error_after_content, rule="an error, no second try"),
    Scenario(name="closed after content", first="Hclose R D40 fin", judge=error_after_content, rule="likewise"),
    Scenario(name="cut before content", first="H C R cut", judge=second_serves, rule=f"{SERVED}, with one role"),
    Scenario(
        name="sends nothing",
        first="stall",
        judge=in_time(second_serves, DEADLINE_SECONDS + GRACE_SECONDS),
        rule=f"{SERVED} after the deadline of {DEADLINE_SECONDS} s",
    ),
    Scenario(
        name="stalls after content",
        first="H R D1 stall",
        judge=in_time(error_after_content, DEADLINE_SECONDS + GRACE_SECONDS),
        rule="an error after the deadline",
    ),
    Scenario(
        name="slow but healthy",
        first="H R drip40:100 F X",
        judge=text_is(words(40)),
        rule="the whole stream: deadlines are for silence",
    ),
    Scenario(
        name="error within the stream", first="H R D1 E fin", judge=in_time(shows_error, 1.0), rule="an error at once"
    ),
    Scenario(name="client's mistake (400)", first="S400", judge=mistake_returned, rule="its message, no second try"),
    Scenario(
        name="both overloaded (503)", first="S503", second="S503", judge=few_attempts, rule="5xx, at most 4 attempts"
    ),
    Scenario(
        name="both limited (429)",
        first="S429:7",
        second="S429:9",
        judge=retry_after,
        rule="429 or 503 with Retry-After",
    ),
    Scenario(
        name="cut before the answer",
        first="cut",
        is_stream=False,
        judge=not_sent_again,
        rule="not sent again by default: it may be billed",
    ),
    Scenario(name="model missing (404)", first="S404", judge=second_serves, rule=SERVED),
    Scenario(name="200 with an error", first="err", is_stream=False, judge=second_serves, rule=SERVED),
    Scenario(name="200 without choices", first="J0", is_stream=False, judge=second_serves, rule=SERVED),
    Scenario(name="200 with a web page", first="html", is_stream=False, judge=second_serves, rule=SERVED),
    Scenario(
        name="a malformed line",
        first="H R D9 bad D51 F X",
        judge=malformed_passes,
        rule="the rest of the stream arrives",
    ),
    Scenario(name="bytes one by one", first="split1 H R D12 F X", judge=text_is(words(12)), rule="the same text"),
    Scenario(
        name="a good stream", first="H R D6 F U X", judge=bytes_unchanged, rule="the same bytes, no usage unasked"
    ),
    Scenario(
        name="unknown parameter",
        first="J",
        is_stream=False,
        members=NEW,
        judge=parameter_sent,
        rule="arrives unchanged",
    ),
    Scenario(
        name="client leaves, no stream",
        first="gate",
        is_stream=False,
        leaves=True,
        judge=first_left,
        rule=f"cancelled within {LEAVES_SECONDS:.0f} s",
    ),
    Scenario(name="client leaves a stream", first="H R D5 gate", leaves=True, judge=first_left, rule="likewise"),
    # The last ones: a key that is refused rests, and so do its offers.
    Scenario(name="our key refused (401)", first="S401", judge=second_serves, rule=SERVED),
    Scenario(
        name="both keys refused", first="S401", second="S401", judge=not_our_key, rule="an error, but not 401 to 403"
    ),
)


# --- contenders ------------------------------------------------------------------------------------------------------
def first_model(number: int) -> str:
    return f"bench/a{number:02}!{SCENARIOS[number].first}"


def second_model(number: int) -> str:
    steps = SCENARIOS[number].second
    return f"bench/b{number:02}!{steps}" if steps else f"bench/b{number:02}"


NUMBERS = range(len(SCENARIOS))
PORTKEY_STATUSES = [401, 403, 404, 408, 429, 500, 502, 503, 504]
"""After these it tries the next one. By default it does so after every error, also of the client."""
GOOD = "bench/good"


@dataclass(frozen=True)
class Router:
    """A contender with two gateways behind it."""

    contender: Contender
    members: Callable[[int], Mapping[str, Any]]
    """The model, and what else a request of this scenario needs."""
    headers: Callable[[int], Mapping[str, str]] = lambda number: {}


@contextmanager
def our_router(place: Place, first: UpstreamServer, second: UpstreamServer) -> Iterator[Router]:
    offers = [("chutes", first_model(number)) for number in NUMBERS] + [("chutes", GOOD)]
    offers += [("openrouter", second_model(number)) for number in NUMBERS]
    bases = {"chutes": first.base, "openrouter": second.base}
    with ours(place, offers=offers, bases=bases) as contender:
        # A gateway that has only failed rests; a good answer before each scenario keeps it in use.
        yield Router(
            contender,
            lambda number: {
                "model": f"chutes/{GOOD if number < 0 else first_model(number)}",
                "models": [] if number < 0 else [f"openrouter/{second_model(number)}"],
            },
        )


@contextmanager
def litellm_router(place: Place, first: UpstreamServer, second: UpstreamServer) -> Iterator[Router]:
    deadlines = {"timeout": DEADLINE_SECONDS, "stream_timeout": DEADLINE_SECONDS}
    bases = [base.removesuffix("/v1") for base in (first.base, second.base)]
    models = [litellm_model(bases[0], f"a{number}", first_model(number), **deadlines) for number in NUMBERS]
    models += [litellm_model(bases[1], f"b{number}", second_model(number), **deadlines) for number in NUMBERS]
    models.append(litellm_model(bases[0], "good", GOOD, **deadlines))
    fallbacks = [{f"a{number}": [f"b{number}"]} for number in NUMBERS]
    with litellm(place, litellm_configuration(models, fallbacks=fallbacks)) as contender:
        yield Router(contender, lambda number: {"model": "good" if number < 0 else f"a{number}"})


@contextmanager
def portkey_router(place: Place, first: UpstreamServer, second: UpstreamServer) -> Iterator[Router]:
    def configured(number: int) -> Mapping[str, str]:
        models = (GOOD, GOOD) if number < 0 else (first_model(number), second_model(number))
        targets = [
            {
                "provider": "openai",
                "custom_host": base,
                "api_key": "bench-portkey",
                "request_timeout": DEADLINE_SECONDS * 1_000,
                "override_params": {"model": model},
            }
            for base, model in zip((first.base, second.base), models, strict=True)
        ]
        strategy = {"mode": "fallback", "on_status_codes": PORTKEY_STATUSES}
        return {"x-portkey-config": json.dumps({"strategy": strategy, "targets": targets})}

    with portkey(place) as contender:
        yield Router(replace(contender, headers={}), lambda number: {"model": "bench"}, configured)


ROUTERS: Mapping[str, Callable[[Place, UpstreamServer, UpstreamServer], AbstractContextManager[Router]]] = {
    "ours": our_router,
    "litellm": litellm_router,
    "portkey": portkey_router,
}


# --- requests --------------------------------------------------------------------------------------------------------
def ask(router: Router, number: int, *, is_stream: bool, members: Mapping[str, Any]) -> Got:
    """Send a request and read its answer to the end, whichever it has."""
    got, began = Got(), time.monotonic()
    headers, body = _request(router, number, is_stream=is_stream, members=members)
    port = router.contender.port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_SECONDS)) as connection:
        try:
            connection.request("POST", PATH, body, headers)
            response = connection.getresponse()
            got.status = response.status
            got.headers = {name.lower(): value for name, value in response.getheaders()}
            while piece := response.read1(65_536):
                got.body += piece
                if time.monotonic() - began > LONGEST_SECONDS:
                    raise TimeoutError
            got.is_broken = bool(response.length)
        except TimeoutError:
            got.is_late = True
        except (http.client.HTTPException, OSError):
            got.is_broken = True
    got.seconds = time.monotonic() - began
    return got


def leave(router: Router, number: int, first: UpstreamServer, scenario: Scenario) -> None:
    """Send a request, and reset the connection once the first gateway waits at its gate."""
    headers, body = _request(router, number, is_stream=scenario.is_stream, members=scenario.members)
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", router.contender.port), timeout=LONGEST_SECONDS) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        with suppress(AssertionError):
            first.wait_for(1)
        if scenario.is_stream:
            with suppress(TimeoutError):
                client.recv(65_536)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _request(
    router: Router, number: int, *, is_stream: bool, members: Mapping[str, Any]
) -> tuple[dict[str, str], bytes]:
    asked = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 256}
    streamed = {"stream": True} if is_stream else {}
    body = json.dumps({**router.members(number), **asked, **streamed, **members}).encode()
    headers = {"Content-Type": "application/json", **router.contender.headers, **router.headers(number)}
    return headers, body


def judged(router: Router, number: int, first: UpstreamServer, second: UpstreamServer) -> str:
    """Return what is wrong with how the router takes a scenario; empty for a pass."""
    scenario = SCENARIOS[number]
    healthy = ask(router, -1, is_stream=False, members={})
    first.seen.clear()
    second.seen.clear()
    if scenario.leaves:
        leave(router, number, first, scenario)
        got = Got()
    else:
        got = ask(router, number, is_stream=scenario.is_stream, members=scenario.members)
    seen = Asked(_chats(first), _chats(second))
    if not seen.first:
        return f"the first was not asked; {_shown(got)} (a good request before: {healthy.status})"
    return scenario.judge(got, seen)


def _chats(gateway: UpstreamServer) -> list[Seen]:
    """Return the requests to run a model: LiteLLM also asks gateways for other things, at moments of its own."""
    return [seen for seen in gateway.seen if seen.path.endswith("/chat/completions")]


# --- the program -----------------------------------------------------------------------------------------------------
def run(place: Place, names: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return what is wrong by contender and scenario, and which contenders were not run."""
    results: dict[str, list[str]] = {}
    missing = {name: "left out by --only" for name in ROUTERS if name not in names}
    for name in names:
        try:
            with upstream_server() as first, upstream_server() as second, ROUTERS[name](place, first, second) as router:
                found = []
                for number in NUMBERS:
                    found.append(judged(router, number, first, second))
                    say(f"{router.contender.name}: {SCENARIOS[number].name}: {found[-1] or 'pass'}")
                results[f"{router.contender.name} {router.contender.version}".strip()] = found
        except (NotRun, SystemExit) as error:
            missing[name] = str(error)
            say(f"\n*** {name} IS NOT RUN: {error}\n")
    return results, missing


def report(results: Mapping[str, Sequence[str]], missing: Mapping[str, str], *, folder: Path) -> str:
    rows = [
        (scenario.name, f"`{scenario.first}`", scenario.rule, *(_verdict(found[number]) for found in results.values()))
        for number, scenario in enumerate(SCENARIOS)
    ]
    passed = [f"{sum(not each for each in found)} of {len(SCENARIOS)}" for found in results.values()]
    head = ("scenario", "the first gateway", "what is right", *results)
    return measured.write(
        "routing-failures",
        title="Failures, and what routers do",
        command="make bench-routing-failures",
        conditions={
            "deadline for the first content and between events": f"{DEADLINE_SECONDS} s",
            "steps": "explained in `tests/routing/upstream_server.py`",
            "LiteLLM": "`fallbacks` in the configuration, no retries, `timeout` and `stream_timeout` as the deadline",
            "Portkey": "`strategy.mode` fallback on 401, 403, 404, 408, 429, 5xx; `request_timeout` as the deadline, "
            "with the preload `mutable.mjs`",
        }
        | {f"**{name} was not run**": why for name, why in missing.items()},
        tables=[measured.Table(head, [*rows, ("passed", "", "", *passed)])],
        folder=folder,
    )


def _verdict(wrong: str) -> str:
    return "pass" if not wrong else "**fail**: " + " ".join(wrong.replace("|", "\\|").split())[:160]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ROUTERS, help="one contender; repeatable; default: all")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for environments, data and logs; not on a tmpfs")
    options = parser.parse_args()
    folder = (options.folder / "failures").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder=folder, upstream="http://127.0.0.1:9", cores=None, seconds_to_first=DEADLINE_SECONDS)
    results, missing = run(place, options.only or list(ROUTERS))
    say(report(results, missing, folder=folder if missing else measured.FOLDER))
    return 1 if missing or any(any(found) for name, found in results.items() if name == "ours") else 0


if __name__ == "__main__":
    sys.exit(main())
