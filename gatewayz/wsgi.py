"""The WSGI application that the web server serves: `granian --interface wsgi gatewayz.wsgi:application`."""

from __future__ import annotations

import io
import os
import warnings

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewayz.settings")

# Without collected files (`make run`), static files come from the packages that contain them.
warnings.filterwarnings("ignore", "No directory at", UserWarning)
django_application = get_wsgi_application()

# A wrong setting stops the server before it answers anything; management commands and workers run their own checks.
call_command("check", stdout=io.StringIO())

from catalog.memory import following  # noqa: E402  the apps must be loaded first
from catalog.routes import cacheable  # noqa: E402  likewise
from front.counts import counts  # noqa: E402  likewise
from front.front import Front  # noqa: E402  likewise

# Here and not in an AppConfig: each worker loads this file after the fork, and threads do not survive a fork.
following.FOLLOWER.start()
application = Front(django_application, counts=counts, cacheable=cacheable, keys=following.FOLLOWER.keys)
