"""The deployment files agree with the code, without a Docker engine: `.env.example`, Dockerfile, docker-compose.yml."""

from __future__ import annotations

import ast
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from catalog.adapter import settings as of_gateway
from catalog.registry import GATEWAYS
from gatewayz.run.supervisor import Address, choose_commands

ROOT: Path = settings.BASE_DIR
LONG_RUNNING = {"postgres", "redis", "web", "router", "worker", "beat"}
OURS = {"migrate", "web", "router", "worker", "beat"}
A_KEY = {"SECRET_KEY": secrets.token_urlsafe(64)}

READ_ELSEWHERE = {
    # explained in .env.example, but not read by gatewayz/settings.py
    "BIND": "gatewayz/run/supervisor.py",
    "PORT": "gatewayz/run/supervisor.py",
    "DJANGO_SUPERUSER_USERNAME": "gatewayz/run/supervisor.py",
    "DJANGO_SUPERUSER_EMAIL": "gatewayz/run/supervisor.py",
    "DJANGO_SUPERUSER_PASSWORD": "gatewayz/run/supervisor.py",
    "POSTGRES_PASSWORD": "docker-compose.yml",
    "ROUTER_PORT": "docker-compose.yml",
    "HTTPS_PROXY": "catalog/sync/fetch.py",
    "NO_PROXY": "catalog/sync/fetch.py",
}
PROXIES = {"HTTPS_PROXY", "NO_PROXY"}
OF_THE_SHELL = {"HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
"""Variables that catalog/sync/fetch.py also honours: explained with the proxies, and not passed to containers."""
NOT_FOR_CONTAINERS = {
    "DEBUG": "its error pages show settings and source, and a container is a deployment",
    "DATA_DIR": "a folder of the image, in memory",
    "FIXTURES_DIR": "the bundled catalogues are part of the image",
}


def settings_read() -> set[str]:
    """Return the names of the environment variables that gatewayz/settings.py reads."""
    tree = ast.parse((ROOT / "gatewayz/settings.py").read_text())
    of_gateways = {setting.name for gateway in GATEWAYS.values() for setting in of_gateway.all_of(gateway)}
    of_inference = {name for gateway in GATEWAYS.values() for name in of_gateway.inference(gateway)}
    return (
        of_gateways
        | of_inference
        | {
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        }
    )


def settings_explained() -> set[str]:
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions, each with its keyword."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(keyword, rest) for keyword, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def arguments_of(keyword: str) -> list[str]:
    return [rest for found, rest in dockerfile() if found == keyword]


def copied_from_here() -> list[str]:
    words = [rest.split() for rest in arguments_of("COPY") if not rest.startswith("--from=")]
    return [source for line in words for source in line[:-1]]


def options_of(words: Sequence[str]) -> list[str]:
    """Return the options that a command line gives to the web server or to celery."""
    program = next(index for index, word in enumerate(words) if word in {"gatewayz.run.web", "celery"})
    return sorted(words[program + 1 :])


def manage(*arguments: str, environment: Mapping[str, str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return python("manage.py", *arguments, environment=environment, folder=folder)


def python(*arguments: str, environment: Mapping[str, str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python as in a fresh shell: without this process's environment, without .env unless ENV_FILE names it."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- .env.example ----------------------------------------------------------------------------------------------------


def test_the_example_explains_every_setting_and_no_other() -> None:
    assert settings_explained() - set(READ_ELSEWHERE) == settings_read()


@pytest.mark.parametrize(("name", "reader"), READ_ELSEWHERE.items())
def test_a_setting_read_elsewhere_is_named_there(name: str, reader: str) -> None:
    assert name in (ROOT / reader).read_text()


@pytest.mark.parametrize("name", sorted(OF_THE_SHELL))
def test_a_variable_of_the_shell_is_honoured_where_the_example_says_so(name: str) -> None:
    assert name in (ROOT / "catalog/sync/fetch.py").read_text()
    assert name in (ROOT / ".env.example").read_text()


def test_the_example_holds_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    keys = {name for name in settings_explained() if name.endswith(("_API_KEY", "_INFERENCE_KEYS"))}
    secret = {"SECRET_KEY", "POSTGRES_PASSWORD", "# DJANGO_SUPERUSER_PASSWORD", *keys}
    assert len(keys) == len(GATEWAYS) + sum(bool(each.completions_url) for each in GATEWAYS.values())
    assert {f"{name}=" for name in secret} <= set(lines)


def test_the_example_passes_the_checks_of_a_deployment_once_its_secrets_are_filled_in(
    tmp_path: Path, prepared_data: Path
) -> None:
    example = (ROOT / ".env.example").read_text()
    filled = re.sub(r"(?m)^(SECRET_KEY|POSTGRES_PASSWORD)=$", lambda line: line[0] + secrets.token_urlsafe(64), example)
    env_file = tmp_path / ".env"
    env_file.write_text(filled)
    environment = {"ENV_FILE": str(env_file), "DATA_DIR": str(shutil.copytree(prepared_data, tmp_path / "data"))}

    result = manage("check", "--deploy", "--fail-level", "WARNING", environment=environment)

    assert result.returncode == 0, result.stderr
    assert "no issues (2 silenced)" in result.stdout  # that HSTS leaves out subdomains and `preload`


@pytest.mark.parametrize("is_on", [False, True])
def test_hsts_covers_subdomains_and_preload_only_if_the_settings_ask_for_it(is_on: bool) -> None:
    asked = {"HSTS_INCLUDE_SUBDOMAINS": "true", "HSTS_PRELOAD": "true"} if is_on else {}
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    shown = f"from gatewayz import settings; print(*(getattr(settings, name) for name in {names}))"

    result = python("-c", shown, environment={**A_KEY, "PUBLIC_URL": "https://a.example", **asked})

    assert result.stdout.split() == ["31536000", str(is_on), str(is_on)], result.stderr


WRONG = {
    "SECRET_KEY": "",
    "BEHIND_TLS_PROXY": "perhaps",
    "CHUTES_SOURCE": "bogus",
    "OPENROUTER_API_BASE": "openrouter.ai",
    "GUARD_MOST_USD": "-1",
    "FETCH_TOTAL_SECONDS": "120",  # as long as the lease
    "LOG_LEVEL": "loud",
    "SYNC_INTERVAL_MINUTES": "abc",
    "DATABASE_URL": "bogus://curator:hunter2@localhost/x",
    "PUBLIC_URL": "nonsense",
}


def test_all_wrong_settings_are_named_at_once() -> None:
    result = manage("check", environment=WRONG)

    assert result.returncode == 1
    assert sorted(re.findall(r"^\?: \(catalog\.E\d+\) ([A-Z_]+)", result.stderr, flags=re.MULTILINE)) == sorted(WRONG)
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


def test_a_single_wrong_setting_is_refused_by_its_name() -> None:
    result = manage("check", environment={**A_KEY, "SYNC_INTERVAL_MINUTES": "0"})

    assert result.returncode == 1
    assert "SYNC_INTERVAL_MINUTES='0': must be a whole number from 5 to 10080" in result.stderr
    assert "identified 1 issue" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_checks_of_a_deployment_try_the_database_and_redis(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x", "REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}

    result = manage("check", "--deploy", environment={**A_KEY, **servers, "DATA_DIR": str(tmp_path)})

    assert result.returncode == 1
    for name in servers:
        assert (
            len(re.findall(rf"cannot be used: .*Connection refused; start it, or correct {name}", result.stderr)) == 1
        )
    assert "hunter2" not in result.stderr


def test_the_checks_of_a_deployment_create_no_database(tmp_path: Path) -> None:
    result = manage("check", "--deploy", environment={**A_KEY, "DATA_DIR": str(tmp_path)})

    assert result.returncode == 0
    assert "The tables are not up to date" in result.stderr
    assert not list(tmp_path.iterdir())


MISSPELLED = {
    "CHUTES_SOURCES=api": 'CHUTES_SOURCES is not a setting; did you mean "CHUTES_SOURCE"?',
    "export PORTKEY_APIKEY=secret": 'PORTKEY_APIKEY is not a setting; did you mean "PORTKEY_API_KEY"?',
    "RATE_LIMIT_PER_MINUT=5": 'RATE_LIMIT_PER_MINUT is not a setting; did you mean "RATE_LIMIT_PER_MINUTE"?',
    "WEB_WOKRERS=5": 'WEB_WOKRERS is not a setting; did you mean "WEB_WORKERS"?',
}


OF_OTHERS = ("OPENROUTER_MODEL", "BASE_DIR", "POST", "DATABASE_PASSWORD", "REDIS_HOST", "HTTP_PROXY", "GITHUB_API_KEY")
"""Variables of the shell that look like ours, and are for other programs."""


def test_misspelled_settings_in_the_file_and_in_the_shell_are_refused_and_no_others(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join([f"SECRET_KEY={secrets.token_urlsafe(64)}", *MISSPELLED, ""]))
    in_shell = {"METRICS_TOKN": "x" * 20, "REDIS_URI": "redis://localhost"} | dict.fromkeys(OF_OTHERS, "1")

    result = manage("check", environment={"ENV_FILE": str(env_file), **in_shell})

    assert result.returncode == 1
    assert [problem for problem in MISSPELLED.values() if problem not in result.stderr] == []
    assert 'METRICS_TOKN is not a setting; did you mean "METRICS_TOKEN"?' in result.stderr
    assert 'REDIS_URI is not a setting; did you mean "REDIS_URL"?' in result.stderr
    assert f"identified {len(MISSPELLED) + 2} issues" in result.stderr


@pytest.mark.parametrize(
    "document",
    [
        "docs/operating.md",
        "docs/holds.md",
        "docs/reading.md",
        "docs/routing.md",
        "SECURITY.md",
        "README.md",
    ],
)
def test_the_documents_name_no_setting_that_does_not_exist(document: str) -> None:
    quoted = re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", (ROOT / document).read_text())

    assert quoted
    assert set(quoted) <= settings_explained() | OF_THE_SHELL | {"ENV_FILE"}


# --- docker-compose.yml ----------------------------------------------------------------------------------------------


def test_the_compose_file_follows_the_compose_specification() -> None:
    nowhere = "http://127.0.0.1:9"  # the schema comes with the tool; network access would fail here
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]

    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout


def test_compose_runs_the_whole_service() -> None:
    assert set(compose()["services"]) == LONG_RUNNING | {"migrate"}


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_every_long_running_service_has_a_health_check_and_comes_back(name: str) -> None:
    service = compose()["services"][name]

    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert "stop_grace_period" in service


def test_compose_and_the_image_ask_the_web_the_same_question() -> None:
    [image] = arguments_of("HEALTHCHECK")
    in_image = yaml.safe_load(image.partition(" CMD ")[2])

    for name in ("web", "router"):
        assert compose()["services"][name]["healthcheck"]["test"] == ["CMD", *in_image]


def test_one_service_builds_the_image_that_all_of_ours_run() -> None:
    services = compose()["services"]

    assert {services[name]["image"] for name in OURS} == {"gatewayz:local"}
    assert [name for name, service in services.items() if "build" in service] == ["migrate"]
    assert {services[name]["pull_policy"] for name in OURS - {"migrate"}} == {"never"}


@pytest.mark.parametrize("name", ["web", "router", "worker", "beat"])
def test_nothing_starts_before_the_tables_are_there(name: str) -> None:
    conditions = {other: wait["condition"] for other, wait in compose()["services"][name]["depends_on"].items()}

    assert conditions == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_compose_and_make_run_publish_what_is_bundled_before_anything_is_asked() -> None:
    [_, _, script] = compose()["services"]["migrate"]["command"]

    assert "python manage.py migrate --noinput && { python manage.py sync --only-unpublished || " in script
    assert 'call_command("sync", only_unpublished=True)' in (ROOT / "gatewayz/run/supervisor.py").read_text()


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_can_do_as_little_as_possible(name: str) -> None:
    service = compose()["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_compose_refuses_to_start_without_its_secrets() -> None:
    services = compose()["services"]
    given = [services[name]["environment"]["SECRET_KEY"] for name in sorted(OURS)]
    given += [services[name]["environment"]["DATABASE_URL"] for name in sorted(OURS)]
    given += [services["postgres"]["environment"]["POSTGRES_PASSWORD"]]

    assert all(re.search(r"\$\{(SECRET_KEY|POSTGRES_PASSWORD):\?is not set", value) for value in given)


def test_compose_asks_env_for_nothing_that_the_example_does_not_explain() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text()))

    assert asked <= settings_explained()


SYNC_KEYS = {of_gateway.api_key(gateway).name for gateway in GATEWAYS.values()}
FOR_ROUTERS = {"INFERENCE", "INFERENCE_SPOOL"} | {
    name for gateway in GATEWAYS.values() for name in of_gateway.inference(gateway)
}
"""What runs models: the switch, and for each gateway its keys, its address and its slots."""
GIVEN = {"migrate": SYNC_KEYS, "web": set(), "router": FOR_ROUTERS, "worker": SYNC_KEYS, "beat": set()}
"""What each container gets besides the settings that all have."""


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_reaches_every_container_but_keys_only_those_that_need_them(name: str) -> None:
    given = set(compose()["services"][name]["environment"])

    for_all = settings_read() - set(NOT_FOR_CONTAINERS) - SYNC_KEYS - FOR_ROUTERS | PROXIES
    assert given | {"WEB_WORKERS"} == for_all | GIVEN[name]
    assert set(NOT_FOR_CONTAINERS) | SYNC_KEYS | FOR_ROUTERS <= settings_read()


def test_the_router_is_the_web_that_runs_models_and_only_if_it_is_asked_for() -> None:
    web, router = compose()["services"]["web"], compose()["services"]["router"]

    assert "command" not in web.keys() | router.keys()
    assert router["environment"]["INFERENCE"] == "on"
    assert router["profiles"] == ["inference"]
    assert router["volumes"] == [f"spool:{router['environment']['INFERENCE_SPOOL']}"]
    assert any(router["environment"]["INFERENCE_SPOOL"] in line for line in arguments_of("RUN"))  # its owner is ours


def test_containers_start_what_make_run_starts() -> None:
    image = yaml.safe_load(arguments_of("CMD")[-1])[-1].replace("${WEB_WORKERS:-2}", "2").split()
    address = Address(bind=image[image.index("--host") + 1], port=8000)
    started = {command.name: command.arguments for command in choose_commands(address, web_workers=2)}

    assert options_of(image) == options_of(started["web"])
    assert options_of(compose()["services"]["worker"]["command"]) == options_of(started["worker"])
    assert options_of(compose()["services"]["beat"]["command"]) == options_of(started["beat"])


def test_only_web_and_router_are_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}

    assert published == {
        "web": ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"],
        "router": ["${BIND:-127.0.0.1}:${ROUTER_PORT:-8001}:8000"],
    }


def test_the_data_of_postgres_and_redis_outlives_their_containers() -> None:
    described = compose()
    kept = {
        volume.partition(":")[0] for service in described["services"].values() for volume in service.get("volumes", [])
    }

    assert kept == set(described["volumes"]) == {"postgres", "redis", "spool"}


# --- Dockerfile ------------------------------------------------------------------------------------------------------


def test_every_image_has_a_version() -> None:
    from_dockerfile = [words.split()[0] for words in arguments_of("FROM")]
    from_compose = [service["image"] for service in compose()["services"].values()]

    tags = [image.partition(":")[2] for image in from_dockerfile + from_compose]

    assert all(tags)
    assert not any("latest" in tag for tag in tags)


def test_the_image_does_not_run_as_root() -> None:
    last_stage = dockerfile()[max(index for index, (keyword, _) in enumerate(dockerfile()) if keyword == "FROM") :]
    users = [rest for keyword, rest in last_stage if keyword == "USER"]

    assert users[-1] == "10001:10001"


def test_no_variable_of_the_image_holds_a_secret() -> None:
    assert not [rest for rest in arguments_of("ENV") + arguments_of("ARG") if re.search("KEY|PASSWORD|SECRET", rest)]


def test_what_the_image_copies_is_there_and_let_through() -> None:
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }

    assert all((ROOT / source).exists() for source in copied_from_here())
    assert set(copied_from_here()) == let_through


CHECK_AND_COLLECT = """
from django.core.management import call_command
call_command("check")
call_command("collectstatic", interactive=False)
"""


def test_what_the_image_copies_is_enough_to_run(tmp_path: Path) -> None:
    for source in copied_from_here():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)

    collected = manage("shell", "-v0", "-c", CHECK_AND_COLLECT, folder=tmp_path, environment=A_KEY)

    assert collected.returncode == 0, collected.stderr
    assert (tmp_path / "staticfiles/admin/css/base.css").is_file()
