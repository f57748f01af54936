"""The lines of docs/api/chat.md, run as they are written there, but for the port."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.clients import environments
from tests.clients.clients import environment_of, started
from tests.clients.environments import Command
from tests.clients.service import ROOT, Service

PAGE = (ROOT / "docs" / "api" / "chat.md").read_text()
BLOCKS = dict(re.findall(r"^### ([^\n]+)\n\n```(?:python|js|sh)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE))
PYTHON = {"openai for Python": "openai", "LangChain": "langchain", "LiteLLM": "litellm"}
JAVASCRIPT = {"openai for JavaScript", "Vercel AI SDK"}
NOT_RUN = {"opencode"}
"""A program of 200 MB, tried by hand: it ran a tool and showed the answer."""
QUICK = {"openai for Python", "curl"}


def command_of(name: str, lines: str, folder: Path) -> tuple[Command, dict[str, str]]:
    """Return the command that runs the lines, and what it needs in its environment."""
    if name in PYTHON:
        return [environment_of(PYTHON[name], environments.python), "-c", lines], {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True"
        }
    if name in JAVASCRIPT:
        script = environment_of("javascript", environments.node) / f"{name.replace(' ', '-')}.mjs"
        script.write_text(lines)
        return ["node", script], {}
    if name == "llm":
        programs = environment_of("llm", environments.python).parent
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return ["sh", "-c", lines], {"PATH": path, "LLM_USER_PATH": str(folder)}
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return ["sh", "-c", lines], {}


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_the_documented_lines_of_a_client_work(service: Service, tmp_path: Path, name: str) -> None:
    if name not in QUICK and not os.environ.get("PROVE"):
        pytest.skip("`make prove` runs it")
    lines = BLOCKS[name].replace("http://localhost:8000", service.url)
    command, variables = command_of(name, lines, tmp_path)

    done = started(command, folder=tmp_path, GATEWAYZ_API_KEY=service.infer_key, **variables)

    assert done.returncode == 0, done.stderr
    shown = "".join(re.findall(r'"content": "([^"]*)"', done.stdout)) if name == "curl" else done.stdout
    assert "You wrote: Hello" in shown, done.stdout


def test_all_documented_clients_are_run() -> None:
    documented = set(re.findall(r"^### (.+)$", PAGE.partition("## Clients")[2], flags=re.MULTILINE))

    assert documented == BLOCKS.keys() | NOT_RUN
    assert {*PYTHON, *JAVASCRIPT, "llm", "curl"} == BLOCKS.keys()
