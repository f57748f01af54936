"""A new gateway is three files: the module, the bundled catalogue and a payload. `make docs` does the rest.

The test puts the files of a gateway that does not exist into a copy of the tree, and asks a server that runs there.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalog.management.commands import docs
from catalog.management.generated.parts import with_parts
from tests import clock
from tests.services import find_free_port

Json = Any

ROOT: Path = settings.BASE_DIR
THREE_FILES = {
    "nimbus.py": "catalog/gateways/nimbus.py",
    "nimbus_catalog.json": "fixtures/nimbus_catalog.json",
    "nimbus-2026.json": "fixtures/payloads/nimbus-2026.json",
}
SECONDS = 60
CHECK_AND_WRITE_DOCUMENTS = """
from django.core.management import call_command
call_command("check")
call_command("docs")
"""
PUBLISH = """
import os
import django
from django.core.management import call_command
os.environ["DJANGO_SETTINGS_MODULE"] = "gatewayz.settings"
django.setup()
call_command("makemigrations", check=True, dry_run=True)
call_command("sync", "chutes", "nimbus", source="bundled")
"""
"""Publish two catalogues; the tables need no new migration."""


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("NOT RUN: the tree is no checkout of git")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def with_bytecode(names: Sequence[str]) -> Iterator[str]:
    """Yield the names, each module's with that of its bytecode: all processes of the copy would make it again."""
    for name in names:
        yield name
        made = cache_from_source(name) if name.endswith(".py") else ""
        if made and (ROOT / made).is_file():
            yield made


def environment(data_dir: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(data_dir),
        "LOG_LEVEL": "warning",
        **clock.environment(),
    }


class Copy:
    """A copy of the tree with a fifth gateway."""

    def __init__(self, folder: Path, *, data_dir: Path, processes: ExitStack) -> None:
        self.folder = folder
        self._processes = processes
        self.originals = tracked_files()
        self._environment = environment(data_dir)
        for name in with_bytecode(self.originals):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)  # with its time, by which Python knows whose bytecode it has
        for name, place in THREE_FILES.items():
            shutil.copyfile(Path(__file__).parent / name, folder / place)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python process in the copy. It ends with the test at the latest."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.callback(ended, process)
        return process

    def run(self, *arguments: str) -> str:
        return finished(self.start(*arguments))

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def serve(self) -> Site:
        """Start the web server of `make run` with one process, and return its site when it is ready."""
        port = find_free_port()
        self.start("-m", "gatewayz.run.web", "--port", str(port), "--workers", "1")
        site = Site(port)
        site.wait_until_ready()
        return site


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    return output


def ended(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=SECONDS)


class Site:
    def __init__(self, port: int) -> None:
        self._port = port

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + SECONDS
        while True:
            with suppress(OSError):
                if self._get("/readyz")[0] == 200:
                    return
            assert time.monotonic() < give_up_at, "the server did not become ready"
            time.sleep(0.05)

    def json(self, path: str) -> Json:
        status, body = self._get(path)
        assert status == 200, body
        return json.loads(body)

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def ids(listing: Mapping[str, Json]) -> list[str]:
    return [row["id"] for row in listing["data"]]


def hand_written(text: str) -> str:
    """Return the text without its generated parts."""
    kinds = ("gateways", "parameters", "fields")
    return with_parts(text, dict.fromkeys(kinds, lambda name: ""))


@pytest.fixture
def copy(tmp_path: Path, prepared_tables: Path) -> Iterator[Copy]:
    data_dir = shutil.copytree(prepared_tables, tmp_path / "data")
    with ExitStack() as processes:
        yield Copy(tmp_path / "tree", data_dir=data_dir, processes=processes)


def test_a_new_gateway_is_three_files(copy: Copy) -> None:
    expected = copy.start("-m", "tests.catalog.gateways.regenerate")
    copy.run("manage.py", "shell", "-v0", "-c", CHECK_AND_WRITE_DOCUMENTS)
    finished(expected)
    check_documents(copy)

    # A shifted clock imports its library before pytest could rewrite it.
    quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    options = ("-n0", "-q", "--nomigrations", *quiet)
    suite = copy.start("-m", "pytest", *options, "tests/catalog/gateways/test_contract.py", "-k", "nimbus")
    copy.run("-c", PUBLISH)
    check_answers(copy.serve())
    assert "passed" in finished(suite)


def check_documents(copy: Copy) -> None:
    """Check that the generated parts name the gateway, and that nothing else changed."""
    changed = {name for name in copy.originals if (ROOT / name).read_bytes() != (copy.folder / name).read_bytes()}
    generated = {str(path.relative_to(ROOT)) for pattern in docs.FILES for path in ROOT.glob(pattern)}
    assert changed <= generated
    for name in changed:
        assert hand_written((ROOT / name).read_text(encoding="utf-8")) == hand_written(copy.text(name))
    assert "| **Nimbus** | 3 models as of 1 November 2026 | At once. |" in copy.text("README.md")
    assert "NIMBUS_API_BASE=https://api.nimbus.example\n" in copy.text(".env.example")
    assert "  NIMBUS_SOURCE:\n" in copy.text("docker-compose.yml")
    assert "| `nimbus` | `NIMBUS_ENABLED`, `NIMBUS_SOURCE`, `NIMBUS_API_KEY`, `NIMBUS_API_BASE` |" in copy.text(
        "docs/reading.md"
    )
    assert "`nimbus_catalog.json`" in copy.text("fixtures/SOURCES.md")
    assert "`chutes`, `nimbus`, `all`" in copy.text("docs/api/models.md")


def check_answers(site: Site) -> None:
    listed = site.json("/catalog/models?gateway=nimbus")
    assert (listed["note"], listed["total"]) == ("Nimbus catalog", 3)
    assert ids(site.json("/catalog/models?gateway=nimbus&model_type=Embeddings")) == ["nimbus/parrot-embed"]
    assert site.json("/catalog/models?limit=1")["note"].endswith("Featherless, Chutes, and Nimbus catalog")
    assert "nimbus" in {gateway["slug"] for gateway in site.json("/catalog/gateways")["data"]}

    tied = site.json("/catalog/canonical/deepseek-ai/DeepSeek-R1")
    assert tied["data"]["gateways"] == ["chutes", "nimbus"]

    assert "nimbus/parrot-1" in ids(site.json("/v1/models"))
    assert "nimbus/nimbus/parrot-1" in site.json("/litellm/model_prices.json")

    document = site.json("/catalog/schema")
    parameters = document["paths"]["/catalog/models"]["get"]["parameters"]
    [gateway] = [each for each in parameters if each["name"] == "gateway"]
    assert "nimbus" in gateway["schema"]["enum"]
