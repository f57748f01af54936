"""`/catalog/logos/{provider}.svg`: the logo of a provider, or its letter."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from catalog import logos, registry
from catalog.memory import following
from catalog.providers import KnownProvider, KnownProviders, logo_path
from tests.factories import offer_record, served_row, snapshot_of

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h4v4z"/></svg>'


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of logos, with the one of DeepSeek; an offer of a provider without a logo is served as well."""
    folder = tmp_path / "logos"
    folder.mkdir()
    (folder / "deepseek.svg").write_bytes(LOGO)
    settings.LOGOS_DIR = folder
    row = served_row(offer_record("some <maker>/a", provider_slug="some <maker>"), gateway="chutes")
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(row))
    return folder


def package(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(f"package/icons/{name}.svg")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return path


@pytest.mark.parametrize("spelling", ["deepseek-ai", "DeepSeek", "deepseek"])
def test_the_logo_of_a_provider_is_served_under_each_of_its_spellings(
    client: Client, folder: Path, spelling: str
) -> None:
    answer = client.get(f"/catalog/logos/{spelling}.svg")

    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/svg+xml", LOGO)
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "max-age=86400" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("key", "letter", "name"), [("qwen", "Q", "Qwen"), ("some <maker>", "S", "some <maker>"), ("01-ai", "0", "01.AI")]
)
def test_a_provider_without_a_logo_has_a_letter(client: Client, folder: Path, key: str, letter: str, name: str) -> None:
    svg = ElementTree.fromstring(client.get(logo_path(key)).content)  # noqa: S314  we have just written it

    assert svg.get("aria-label") == name
    assert [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")] == [letter]


@pytest.mark.parametrize("key", ["nobody", "../settings", "deepseek/../deepseek"])
def test_an_unknown_provider_has_no_logo(client: Client, folder: Path, key: str) -> None:
    answer = client.get(f"/catalog/logos/{quote(key, safe='')}.svg")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_a_letter_is_valid_svg_for_any_name(name: str) -> None:
    svg = logos.svg_of(None, name=name, folder=Path("/nowhere"))

    assert ElementTree.fromstring(svg).get("viewBox") == "0 0 48 48"  # noqa: S314


def test_the_package_gives_the_icons_in_colour_if_possible(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = package(tmp_path / "set.tgz", **{"openai": b"o", "qwen": b"plain", "qwen-color": b"colour", "other": b"x"})
    monkeypatch.setattr(logos, "SHA512", hashlib.sha512(path.read_bytes()).hexdigest())

    missing = logos.install(path, into=tmp_path / "logos", icons={"openai", "qwen", "meta"})

    assert missing == ["meta"]
    assert {file.name: file.read_bytes() for file in (tmp_path / "logos").iterdir()} == {
        "openai.svg": b"o",
        "qwen.svg": b"colour",
    }


def test_another_package_is_refused_and_nothing_is_unpacked(settings: Settings, tmp_path: Path) -> None:
    settings.LOGOS_DIR = tmp_path / "logos"

    with pytest.raises(CommandError, match=r"set.tgz is not the package"):
        call_command("logos", str(package(tmp_path / "set.tgz", openai=b"<script/>")))

    assert not settings.LOGOS_DIR.exists()


def test_every_icon_of_a_provider_is_a_plain_file_name() -> None:
    assert all(icon.isalnum() for icon in registry.PROVIDERS.icons)


def test_two_providers_cannot_share_a_spelling() -> None:
    def known(slug: str, *aliases: str) -> KnownProvider:
        return KnownProvider(slug=slug, name=slug, site_url=None, hugging_face=None, aliases=aliases, icon=None)

    with pytest.raises(ValueError, match="A is a spelling of two providers"):
        KnownProviders([known("a"), known("b", "c", "A")])
