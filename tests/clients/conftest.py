from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.service import serving


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service with the bundled catalogues, without a slash at its end."""
    with serving(tmp_path_factory.mktemp("service")) as address:
        yield address
