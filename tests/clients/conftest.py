from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.service import Service, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, prepared_data: Path) -> Iterator[Service]:
    """A running service with the bundled catalogues, which sends requests to gateways of the demo."""
    with serving(shutil.copytree(prepared_data, tmp_path_factory.mktemp("service") / "data")) as service:
        yield service


@pytest.fixture(scope="session")
def address(service: Service) -> str:
    """The address of that service, without a slash at its end."""
    return service.url
