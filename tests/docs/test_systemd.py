"""The units of systemd are valid, start what `make run` starts, and confine each service in the same way."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from gatewayz.run.children import STOP_SECONDS
from gatewayz.run.supervisor import Address, choose_commands

FOLDER: Path = settings.DOCS_DIR / "operations/systemd"
UNITS = sorted(FOLDER.glob("gatewayz-*"))
SERVICES = ("web", "worker", "beat")
PROGRAMS = "/opt/gatewayz/.venv/bin"


def service(name: str) -> dict[str, str]:
    """Return the last value of each setting of a service."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string(re.sub(r"\\\n\s*", "", (FOLDER / f"gatewayz-{name}.service").read_text()))
    return dict(parser["Service"])


def verified(folder: Path, *, changes: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Verify copies that name programs of this machine, which must exist."""
    program = shutil.which("systemd-analyze")
    if program is None:
        reason = "systemd-analyze is not installed: the units of docs/operations/systemd are not verified"
        if report := os.environ.get("TEST_NOT_RUN"):
            with Path(report).open("a") as file:
                file.write(f"{reason}\n")
        pytest.skip(f"NOT RUN: {reason}")
    for unit in UNITS:
        text = unit.read_text().replace(f"{PROGRAMS}/python", sys.executable)
        for before, after in {f"{PROGRAMS}/celery": sys.executable, **(changes or {})}.items():
            text = text.replace(before, after)
        (folder / unit.name).write_text(text)
    files = [str(folder / unit.name) for unit in UNITS]
    return subprocess.run(
        [program, "verify", "--man=no", *files], capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    result = verified(tmp_path)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_systemd_would_report_a_setting_that_it_does_not_know(tmp_path: Path) -> None:
    assert "ProtectSytem" in verified(tmp_path, changes={"ProtectSystem": "ProtectSytem"}).stderr


def test_the_units_start_what_the_supervisor_starts() -> None:
    programs = {"python": ["-m", "gatewayz.run.web"], "celery": ["-m", "celery"]}
    for command in choose_commands(Address("127.0.0.1", 8000), web_workers=2):
        program, *arguments = service(command.name)["ExecStart"].split()
        started = [*programs[Path(program).name], *(arguments[2:] if program.endswith("python") else arguments)]
        # The socket decides about the address, and the unit's user about warnings for root.
        wanted = " ".join(command.arguments).replace(" --port 8000", "").replace(" --host 127.0.0.1", "")
        assert wanted.endswith(" ".join(started)), command.name


def test_every_service_is_confined_in_the_same_way() -> None:
    own = {"ExecStart", "ExecReload", "KillMode", "TimeoutStopSec", "LimitNOFILE"}
    confined = [{name: value for name, value in service(each).items() if name not in own} for each in SERVICES]
    assert confined == [confined[0]] * len(SERVICES)
    assert (
        confined[0].items()
        >= {
            "User": "gatewayz",
            "ProtectSystem": "strict",
            "StateDirectory": "gatewayz",
            "PrivateTmp": "yes",
            "NoNewPrivileges": "yes",
            "CapabilityBoundingSet": "",
        }.items()
    )


def test_systemd_waits_longer_than_the_web_server_may_take() -> None:
    web = service("web")
    assert int(web["TimeoutStopSec"]) > STOP_SECONDS
    assert (web["KillMode"], web["ExecReload"]) == ("mixed", "/bin/kill -HUP $MAINPID")


def test_the_page_names_each_unit() -> None:
    page = (settings.DOCS_DIR / "operations/systemd.md").read_text()
    assert {name for unit in UNITS if (name := f"(systemd/{unit.name})") not in page} == set()
    assert "(operations/systemd.md)" in (settings.DOCS_DIR / "operating.md").read_text()
