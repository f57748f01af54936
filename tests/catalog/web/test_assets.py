"""The style, scripts and pictures of the pages."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from django.test import Client

from catalog.web import assets, templates

TEMPLATES = sorted(file for folder in templates.FOLDERS.values() for file in folder.glob("*.html"))
HTMX = "a0abb04f2f45a1f8"
"""The beginning of the digest of htmx 4.0.1, as npm has it."""


@pytest.mark.parametrize("name", assets.assets())
def test_an_asset_is_kept_for_ever_at_its_address_and_briefly_at_any_other(client: Client, name: str, db: None) -> None:
    found = assets.asset(name)
    stem, _, ending = name.rpartition(".")

    exact, plain, other = (
        client.get(path) for path in (found.address, f"/assets/{name}", f"/assets/{stem}.0.{ending}")
    )

    assert {answer.content for answer in (exact, plain, other)} == {found.body}
    assert "immutable" in exact["Cache-Control"]
    assert plain["Cache-Control"] == other["Cache-Control"] == assets.BRIEFLY


def test_another_name_is_no_asset(client: Client, db: None) -> None:
    assert client.get("/assets/../settings.py").status_code == client.get("/assets/nothing.css").status_code == 404


def test_htmx_is_the_file_that_was_reviewed() -> None:
    assert hashlib.sha256(assets.asset("htmx.min.js").body).hexdigest().startswith(HTMX)


def test_the_style_is_shortened_but_for_its_texts() -> None:
    assert assets.minified('a { content: ", { b" ; /* c */ color : red; }\n\nb > c,\n d { x: calc(1px + 2px) }') == (
        'a{content: ", { b"; color : red}b > c,d{x: calc(1px + 2px)}'
    )


def test_no_template_marks_a_text_as_safe_and_none_has_a_style_or_a_script_in_it() -> None:
    for file in TEMPLATES:
        text = file.read_text("utf-8")
        assert not re.search(r"\|\s*safe|autoescape|style=|\son\w+=|<style|<script>", text), file.name


def test_every_template_names_only_assets_that_exist() -> None:
    named = {name for file in TEMPLATES for name in re.findall(r"site\.(\w+)", file.read_text())}

    assert named <= assets.addresses().keys()


def test_the_picture_for_other_sites_has_the_size_that_they_want() -> None:
    png = (Path(assets.FOLDER) / "og.png").read_bytes()

    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (1200, 630)
