"""The settings of a gateway: their names and defaults follow from what its class declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.adapter.contract import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    name: str
    """The environment variable."""
    part: str
    """The host or option that it sets; empty for the source and the key."""
    default: str = ""
    explained: str = ""
    """Sentences for operators, without the default."""
    is_in_desk: bool = False
    """Whether operators can set it in the desk too. A value in the environment then locks it there."""


def prefix(gateway: Gateway) -> str:
    """Return the beginning of the names of all its settings."""
    return f"{gateway.slug.upper()}_"


def enabled(gateway: Gateway) -> Setting:
    explained = "Whether it is read: true or false. Without it, the desk decides; default: true"
    return Setting(name=f"{prefix(gateway)}ENABLED", part="", default="true", explained=explained, is_in_desk=True)


def source(gateway: Gateway) -> Setting:
    key = api_key(gateway).name
    when = "reads the API"
    if gateway.needs_key_for_auto:
        without = "" if gateway.auth.is_required else " api reads it without a key too."
        when = f"reads the API once {key} is set, and until then the bundled catalogue.{without}".removesuffix(".")
    explained = f"auto, api or bundled. Default: auto, which {when}."
    return Setting(name=f"{prefix(gateway)}SOURCE", part="", default="auto", explained=explained, is_in_desk=True)


def api_key(gateway: Gateway) -> Setting:
    receivers = [base.name for base in bases(gateway) if base.part in (gateway.auth.hosts or ())]
    sentences = (
        "Required to read the API." if gateway.auth.is_required else "",
        gateway.explained.get("key", ""),
        f"The key is sent to {' and '.join(receivers)} alone." if receivers else "",
    )
    return Setting(name=f"{prefix(gateway)}API_KEY", part="", explained=" ".join(filter(None, sentences)))


def bases(gateway: Gateway) -> Iterator[Setting]:
    for host, address in gateway.hosts.items():
        name = f"{prefix(gateway)}{host.upper()}_BASE"
        yield Setting(name=name, part=host, default=address, explained=gateway.explained[host])


def options(gateway: Gateway) -> Iterator[Setting]:
    for option, words in gateway.options.items():
        name = f"{prefix(gateway)}{option.upper()}"
        explained = gateway.explained[option]
        yield Setting(name=name, part=option, default=", ".join(words), explained=explained, is_in_desk=True)


def all_of(gateway: Gateway) -> list[Setting]:
    """Return the settings in the order in which they are documented."""
    return [enabled(gateway), source(gateway), api_key(gateway), *bases(gateway), *options(gateway)]


def inference(gateway: Gateway) -> list[str]:
    """Return the names of the settings with which models are run there; none if it runs no models."""
    parts = ("KEYS", "BASE", "SLOTS") if gateway.completions_url else ()
    return [f"{prefix(gateway)}INFERENCE_{part}" for part in parts]
