"""The settings of the tests: the product's own, with an environment that no `.env` file and no shell can change."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from catalog.adapter import settings as of_gateway
from catalog.registry import GATEWAYS

_scratch = Path(tempfile.gettempdir()) / f"gatewayz-tests-{os.getpid()}"

os.environ["ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "tests-" + "0123456789" * 5
os.environ["DATA_DIR"] = str(_scratch)
os.environ["DEBUG"] = "false"
os.environ["LOG_LEVEL"] = "warning"
_OURS = (*map(of_gateway.prefix, GATEWAYS.values()), "SYNC_", "FETCH_", "GUARD_", "KEEP_", "INFERENCE", "MONITORING")
for _name in list(os.environ):
    if _name in {"REDIS_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "FIXTURES_DIR"} or _name.startswith(_OURS):
        del os.environ[_name]
if os.environ.get("TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)

from gatewayz.settings import *  # noqa: E402,F403  the environment must be set before the product reads it
from gatewayz.settings import DATABASES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow hash proves nothing in a test
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: workers and servers that tests start must use the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(_scratch / "test.sqlite3")}
    DATABASES["usage"]["TEST"] = {"NAME": str(_scratch / "test-usage.sqlite3")}
