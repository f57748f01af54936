"""Simon Willison's `llm`, as a command, with the service as one of its extra models."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXTRA_MODELS = """
- model_id: gatewayz
  model_name: deepseek/deepseek-r1
  api_base: {address}/v1
  api_key_name: gatewayz
  supports_tools: true
  supports_schema: true
- model_id: down
  model_name: chutes/deepseek-ai/DeepSeek-R1
  api_base: {address}/v1
  api_key_name: gatewayz
"""
TOOL = """
def magic(input: int) -> int:
    "Computes it."
    return input + 2
"""


def _llm(address, folder, *arguments):
    (Path(folder) / "extra-openai-models.yaml").write_text(EXTRA_MODELS.format(address=address))
    return subprocess.run(
        [Path(sys.executable).with_name("llm"), *arguments, "--key", os.environ["INFER_KEY"]],
        env=os.environ | {"LLM_USER_PATH": folder},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _answer(done):
    assert done.returncode == 0, done.stderr
    return [done.stdout.strip(), done.stderr.strip()]


def ask(address, folder):
    return _answer(_llm(address, folder, "-m", "gatewayz", "--no-stream", "--usage", "Hello there"))


def stream(address, folder):
    return _answer(_llm(address, folder, "-m", "gatewayz", "--usage", "Hello there"))


def call_a_tool(address, folder):
    return _answer(_llm(address, folder, "-m", "gatewayz", "--functions", TOOL, "Call it with 3."))[0]


def follow_a_schema(address, folder):
    return _answer(_llm(address, folder, "-m", "gatewayz", "--schema", "name, age int", "'Ada' is 36"))[0]


def meet_an_error(address, folder):
    done = _llm(address, folder, "-m", "down", "Hello there")
    return [done.returncode, done.stderr.strip()]
