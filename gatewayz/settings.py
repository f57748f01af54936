"""Every setting comes from the environment; `.env.example` explains each, `docs/operating.md` how they fit."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from celery.schedules import crontab

from access.redaction import hide_keys
from catalog import registry
from catalog.adapter import settings as of_gateway
from catalog.records import Availability
from gatewayz.environment import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(env_file=Path(os.environ.get("ENV_FILE", BASE_DIR / ".env")))
ENVIRONMENT_PROBLEMS = env.problems

# --- who we are ------------------------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", default="only-for-development" if DEBUG else "")
if not SECRET_KEY:
    env.problems.append("SECRET_KEY is not set, and DEBUG is off; .env.example shows the command that makes one")
PUBLIC_URL = env.web_address("PUBLIC_URL", default="http://localhost:8000")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = [*{str(_public.hostname), "localhost", "127.0.0.1", "[::1]"}, *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# --- where data is stored --------------------------------------------------------------------------------------------
DATA_DIR = env.folder("DATA_DIR", default=BASE_DIR / "var")
LOGOS_DIR = BASE_DIR / "fixtures" / "logos"
DOCS_DIR = BASE_DIR / "docs"
FIXTURES_DIR = env.path("FIXTURES_DIR", default=BASE_DIR / "fixtures")
DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'gatewayz.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that will write takes the write lock at once: upgrading a read lock later fails under load.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # WAL: readers continue while a publication is written.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    # A dead host sends no reply: without these timeouts, a query would wait for many minutes.
    _silence = {"connect_timeout": 3, "tcp_user_timeout": 10_000, "keepalives_idle": 30, "keepalives_interval": 5}
    DATABASES["default"]["OPTIONS"] = _silence | DATABASES["default"].get("OPTIONS", {})
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file of its own for the counts of requests: SQLite has one writer, and no publication may wait for them.
    DATABASES["usage"] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(DATABASES["default"]["NAME"]).with_name("usage.sqlite3")),
        "OPTIONS": {**DATABASES["default"]["OPTIONS"], "timeout": 5},
    }
DATABASE_ROUTERS = ["usage.router.UsageRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the sync --------------------------------------------------------------------------------------------------------
SYNC_INTERVAL_MINUTES = env.whole_number("SYNC_INTERVAL_MINUTES", default=60, least=5, most=10_080)
SYNC_SOFT_TIME_LIMIT_SECONDS = env.whole_number("SYNC_SOFT_TIME_LIMIT_SECONDS", default=900, least=10, most=86_400)
SYNC_TIME_LIMIT_SECONDS = env.whole_number("SYNC_TIME_LIMIT_SECONDS", default=960, least=11, most=86_400)
SYNC_LEASE_SECONDS = env.whole_number("SYNC_LEASE_SECONDS", default=120, least=10, most=3_600)
SYNC_WITHDRAW_AFTER_RUNS = env.whole_number("SYNC_WITHDRAW_AFTER_RUNS", default=1, least=1, most=100)
_SOURCES = ("auto", "api", "bundled")
_gateways = registry.GATEWAYS
GATEWAY_ENABLED = {slug: env.flag(of_gateway.enabled(each).name, default=True) for slug, each in _gateways.items()}
GATEWAY_SOURCES = {
    slug: env.choice(of_gateway.source(each).name, default="auto", choices=_SOURCES) for slug, each in _gateways.items()
}
GATEWAY_KEYS = {slug: env.text(of_gateway.api_key(each).name) for slug, each in _gateways.items()}
GATEWAY_BASES = {  # the part before the paths; a mirror or a proxy can replace it
    slug: {base.part: env.web_address(base.name, default=base.default) for base in of_gateway.bases(each)}
    for slug, each in _gateways.items()
}
GATEWAY_OPTIONS = {  # empty: the adapter's default
    slug: {option.part: env.words(option.name) for option in of_gateway.options(each)}
    for slug, each in _gateways.items()
}
USER_AGENT = f"Gatewayz/0.1 (model catalogue; {PUBLIC_URL})"  # Featherless answers 404 to clients without a name

# --- asking a gateway ------------------------------------------------------------------------------------------------
FETCH_CONNECT_SECONDS = env.whole_number("FETCH_CONNECT_SECONDS", default=10, least=1, most=600)
FETCH_IDLE_SECONDS = env.whole_number("FETCH_IDLE_SECONDS", default=20, least=1, most=600)
FETCH_TOTAL_SECONDS = env.whole_number("FETCH_TOTAL_SECONDS", default=90, least=1, most=3_600)
FETCH_MAX_MEBIBYTES = env.whole_number("FETCH_MAX_MEBIBYTES", default=64, least=1, most=4_096)
FETCH_MAX_RATIO = env.whole_number("FETCH_MAX_RATIO", default=100, least=2, most=10_000)
FETCH_ATTEMPTS = env.whole_number("FETCH_ATTEMPTS", default=3, least=1, most=20)
FETCH_LONGEST_WAIT_SECONDS = env.whole_number("FETCH_LONGEST_WAIT_SECONDS", default=30, least=0, most=600)

# --- watching whether offers can be used -----------------------------------------------------------------------------
MONITORING = env.choice("MONITORING", default="basic", choices=("off", "basic", "on"))

# --- the guard: the limits beyond which an answer is held instead of published ---------------------------------------
GUARD_MISSING_PERCENT = env.whole_number("GUARD_MISSING_PERCENT", default=30, least=0, most=100)
GUARD_REJECTED_PERCENT = env.whole_number("GUARD_REJECTED_PERCENT", default=20, least=0, most=100)
GUARD_PRICE_FACTOR = env.whole_number("GUARD_PRICE_FACTOR", default=10, least=2, most=1_000_000)
GUARD_SIBLING_FACTOR = env.whole_number("GUARD_SIBLING_FACTOR", default=20, least=2, most=1_000_000)
GUARD_LEAST_USD_PER_MILLION_TOKENS = env.amount("GUARD_LEAST_USD_PER_MILLION_TOKENS", default="0.0001")
GUARD_MOST_USD_PER_MILLION_TOKENS = env.amount("GUARD_MOST_USD_PER_MILLION_TOKENS", default="1000")
GUARD_MOST_USD = env.amount("GUARD_MOST_USD", default="1000")
GUARD_REPEAT_PERCENT = env.whole_number("GUARD_REPEAT_PERCENT", default=2, least=0, most=100)
GUARD_BAND_PERCENT = env.whole_number("GUARD_BAND_PERCENT", default=10, least=0, most=100)
GUARD_BELIEVE_READINGS = env.whole_number("GUARD_BELIEVE_READINGS", default=3, least=1, most=1_000_000)
GUARD_BELIEVE_HOURS = env.whole_number("GUARD_BELIEVE_HOURS", default=96, least=1, most=1_000_000)
GUARD_BELIEVE_EDITED_HOURS = env.whole_number("GUARD_BELIEVE_EDITED_HOURS", default=168, least=1, most=1_000_000)
GUARD_QUESTION_FACTOR = env.whole_number("GUARD_QUESTION_FACTOR", default=8, least=2, most=1_000_000)
GUARD_QUESTION_RESETS = env.whole_number("GUARD_QUESTION_RESETS", default=10, least=1, most=1_000_000)
GUARD_QUESTION_DAYS = env.whole_number("GUARD_QUESTION_DAYS", default=30, least=1, most=100_000)

# --- retention; 0 keeps things forever -------------------------------------------------------------------------------
KEEP_RUNS_DAYS = env.whole_number("KEEP_RUNS_DAYS", default=90, least=0, most=100_000)
KEEP_CAPTURES_DAYS = env.whole_number("KEEP_CAPTURES_DAYS", default=30, least=0, most=100_000)
KEEP_VERSIONS_DAYS = env.whole_number("KEEP_VERSIONS_DAYS", default=0, least=0, most=100_000)

# --- reading the catalogue -------------------------------------------------------------------------------------------
SNAPSHOT_POLL_SECONDS = env.whole_number("SNAPSHOT_POLL_SECONDS", default=1, least=1, most=60)
ANSWERS_MAX_MEBIBYTES = env.whole_number("ANSWERS_MAX_MEBIBYTES", default=32, least=0, most=4_096)
RATE_LIMIT_PER_MINUTE = env.whole_number("RATE_LIMIT_PER_MINUTE", default=600, least=0, most=999_999_999)
PAGE_RATE_LIMIT_PER_MINUTE = env.whole_number("PAGE_RATE_LIMIT_PER_MINUTE", default=300, least=0, most=999_999_999)
API_KEY_RATE_LIMIT_PER_MINUTE = env.whole_number(
    "API_KEY_RATE_LIMIT_PER_MINUTE", default=6_000, least=0, most=999_999_999
)
TRUSTED_PROXY_HOPS = env.whole_number("TRUSTED_PROXY_HOPS", default=0, least=0, most=10)
FRONT_MISSES = env.flag("FRONT_MISSES", default=True)
METRICS_TOKEN = env.text("METRICS_TOKEN")

# --- running models: the app `routing` -------------------------------------------------------------------------------
INFERENCE = env.choice("INFERENCE", default="off", choices=("off", "on"))
_runs = {slug: of_gateway.prefix(each) for slug, each in _gateways.items() if each.completions_url}
# Never the keys with which catalogues are read: those cost nothing, and other processes have them.
INFERENCE_KEYS = {slug: tuple(env.words(f"{prefix}INFERENCE_KEYS")) for slug, prefix in _runs.items()}
INFERENCE_BASES = {
    slug: env.web_address(f"{prefix}INFERENCE_BASE", default=_gateways[slug].completions_url)
    for slug, prefix in _runs.items()
}
INFERENCE_SLOTS = {  # None: the dialect's default; 0: no limit
    slug: env.optional_whole_number(f"{prefix}INFERENCE_SLOTS", least=0, most=100_000) for slug, prefix in _runs.items()
}
# What the pages of models show, which may be served by processes that run none.
INFERENCE_URL = env.optional_web_address("INFERENCE_URL", default=f"{PUBLIC_URL}/v1" if INFERENCE == "on" else "")
INFERENCE_ORIGINS = env.words("INFERENCE_ORIGINS")
INFERENCE_DURABILITY = env.choice("INFERENCE_DURABILITY", default="fast", choices=("fast", "strict"))
INFERENCE_SPOOL = env.path("INFERENCE_SPOOL", default=DATA_DIR / "spool")
INFERENCE_CONNECT_SECONDS = env.whole_number("INFERENCE_CONNECT_SECONDS", default=5, least=1, most=60)
INFERENCE_FIRST_CONTENT_SECONDS = env.whole_number("INFERENCE_FIRST_CONTENT_SECONDS", default=60, least=1, most=3_600)
INFERENCE_UNARY_SECONDS = env.whole_number("INFERENCE_UNARY_SECONDS", default=300, least=1, most=3_600)
INFERENCE_IDLE_SECONDS = env.whole_number("INFERENCE_IDLE_SECONDS", default=60, least=1, most=3_600)
INFERENCE_TOTAL_SECONDS = env.whole_number("INFERENCE_TOTAL_SECONDS", default=600, least=1, most=86_400)
INFERENCE_BUDGET_USD_PER_DAY = env.optional_amount("INFERENCE_BUDGET_USD_PER_DAY")
INFERENCE_BUDGET_USD_PER_MONTH = env.optional_amount("INFERENCE_BUDGET_USD_PER_MONTH")
# The supervisor, which starts them, reports a wrong value.
_workers = env.text("WEB_WORKERS")
SERVING_PROCESSES = max(1, int(_workers)) if _workers.isdecimal() else min(os.cpu_count() or 1, 2)

# --- Celery ----------------------------------------------------------------------------------------------------------
REDIS_URL = env.text("REDIS_URL")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, str | int]
BROKER_DIR = DATA_DIR / "broker"
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    # Without timeouts, a Redis that accepts connections and never answers would block its clients forever.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 5, "socket_timeout": 5}
else:
    CELERY_BROKER_URL = "filesystem://localhost"  # kombu warns if there is no host
    CELERY_BROKER_TRANSPORT = "gatewayz.run.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # One folder for both directions: an installation receives all that it sends.
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
    }
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # a SyncRun row has more detail than a task result would
CELERY_TASK_ACKS_LATE = False  # dispatch_due makes up for a lost message, so no task may run twice for one message
CELERY_TASK_SOFT_TIME_LIMIT = SYNC_SOFT_TIME_LIMIT_SECONDS
CELERY_TASK_TIME_LIMIT = SYNC_TIME_LIMIT_SECONDS
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The scheduler stores nothing between starts: the database records what is due.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "dispatch-due": {"task": "catalog.dispatch_due", "schedule": 60.0, "options": {"expires": 55}},
    "end-overrides": {"task": "catalog.end_overrides", "schedule": 60.0, "options": {"expires": 55}},
    # By the clock, not by an interval: an interval would restart each time beat starts.
    "prune": {"task": "catalog.prune", "schedule": crontab(hour="4", minute="17"), "options": {"expires": 3_600}},
}

# --- Django ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "access",
    "catalog",
    "usage",  # can be left out: nothing is counted then
    "routing",  # can be left out: the catalogue is served, and no request is sent to a gateway
    "monitoring",  # can be left out: the availability of offers is then what their gateways list
]
if "usage" in INSTALLED_APPS:
    CELERY_BEAT_SCHEDULE["ask-gateways"] = {
        "task": "usage.ask_gateways",
        "schedule": 900.0,
        "options": {"expires": 600},
    }
if {"routing", "monitoring"} <= set(INSTALLED_APPS):  # whether INFERENCE is on or not: the router may run elsewhere
    CELERY_BEAT_SCHEDULE["tell"] = {"task": "routing.tell", "schedule": 30.0, "options": {"expires": 25}}
if "monitoring" in INSTALLED_APPS:
    CELERY_BEAT_SCHEDULE |= {
        "observe": {"task": "monitoring.observe", "schedule": 60.0, "options": {"expires": 55}},
        "tidy": {"task": "monitoring.tidy", "schedule": 900.0, "options": {"expires": 600}},
    }
MIDDLEWARE = [
    "django_structlog.middlewares.RequestMiddleware",
    "catalog.api.errors.static_files_are_read",  # WhiteNoise would refuse other methods with an empty body
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "catalog.admin.policy.content_security_policy",
    "catalog.web.errors.pages_for_browsers",
]
ROOT_URLCONF = "gatewayz.urls"
ASGI_APPLICATION = "gatewayz.asgi.application"
WSGI_APPLICATION = "gatewayz.wsgi.application"
APPEND_SLASH = False  # both spellings of a list are routed; a redirect would cost every client a round trip
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "catalog/admin/templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"assets": "catalog.desk.asset_tag"},
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LANGUAGE_CODE = "en-gb"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()  # `make run` collects nothing; the Docker build does
WHITENOISE_ALLOW_ALL_ORIGINS = False  # front/cors.py adds that header

# --- security: everything follows from the public address ------------------------------------------------------------
_https = _public.scheme == "https"
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come from inside, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
# Off by default: they bind all subdomains, and a preloaded domain stays in browsers for months.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.flag("HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # front/security.py does what SecurityMiddleware would do, for every answer
    "security.W002",  # and what XFrameOptionsMiddleware would do
    "security.W005",  # off by default, see above
    "security.W021",
]
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "catalog.api.errors.csrf_failure"
if env.flag("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- the API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # otherwise `format` would be an undocumented parameter
    "DEFAULT_SCHEMA_CLASS": "catalog.api.schema.CatalogSchema",
    "EXCEPTION_HANDLER": "catalog.api.errors.answer_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatewayz",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SORT_OPERATION_PARAMETERS": False,
    "PREPROCESSING_HOOKS": [
        "catalog.api.schema.without_trailing_slashes",
        "catalog.api.schema.without_aliases",
    ],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "catalog.api.schema.with_introduction",
        "catalog.api.schema.with_security_schemes",
        "catalog.api.formats.with_shapes",
    ],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Without null the page would load a badge from another site, and send it the address of the document.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"AvailabilityEnum": [state.value for state in Availability]},
}

# --- logs ------------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", default="info", choices=("debug", "info", "warning", "error")).upper()
LOG_FORMAT = env.choice("LOG_FORMAT", default="console", choices=("console", "json"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # front/front.py has replaced it with a new one
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line per request, when it has ended
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = (
    False  # the address of a client behind proxies cannot be trusted without knowing the hops
)
_log_steps: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_keys,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_log_steps,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "console": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _log_steps,
            "processor": structlog.dev.ConsoleRenderer(
                colors=False,
                # The pretty formatter prints local variables, which include keys and passwords.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        },
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _log_steps,
            "processors": [
                structlog.processors.format_exc_info,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        # One line per request from the middleware is enough; Django would add a second for every 4xx.
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},  # it would log every address with its query
        "httpcore2": {"level": "WARNING"},
    },
}

# --- what the desk may not change ------------------------------------------------------------------------------------
SET_BY_ENVIRONMENT = frozenset(env.given)
"""The names of the variables that have a value. `catalog/gateway_settings.py` decides which of them lock a setting."""

# --- names that are no settings --------------------------------------------------------------------------------------
env.refuse_unknown(
    prefixes=map(of_gateway.prefix, _gateways.values()),
    read_elsewhere={
        *("ENV_FILE", "BIND", "PORT", "ROUTER_PORT", "POSTGRES_PASSWORD"),
        *("DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_EMAIL", "DJANGO_SUPERUSER_PASSWORD"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    },
)
