"""A ModelViewSet over the ORM, with django-filter and a paginator, as Django REST framework's tutorial builds it.

`python -m benchmarks.contenders.naive_drf <documents> <database>` fills its table; `application` serves it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="only-for-this-benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "rest_framework", "django_filters"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("NAIVE_DATABASE", "")}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import include, path
from rest_framework import pagination, routers, serializers, viewsets

INDEXED = ("gateway", "provider_slug", "model_type", "name")


class Offer(models.Model):
    offer_id = models.CharField(max_length=300, db_index=True)
    gateway = models.CharField(max_length=50, db_index=True)
    name = models.CharField(max_length=300, db_index=True)
    provider_slug = models.CharField(max_length=300, null=True, db_index=True)  # noqa: DJ001  as it comes
    model_type = models.CharField(max_length=40, db_index=True)
    description = models.TextField()
    tags = models.JSONField()
    pricing = models.JSONField()
    architecture = models.JSONField()
    top_provider = models.JSONField()
    facts = models.JSONField()

    class Meta:
        app_label = "contenttypes"
        db_table = "naive_offer"

    def __str__(self) -> str:
        return self.offer_id


class OfferSerializer(serializers.ModelSerializer):
    class Meta:
        model = Offer
        exclude = ("id",)


class Pages(pagination.LimitOffsetPagination):
    default_limit = 250


class OfferViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = OfferSerializer
    pagination_class = Pages

    def get_queryset(self) -> Any:
        asked = self.request.query_params
        found = Offer.objects.order_by(asked.get("sort", "id").replace("id", "offer_id"), "gateway")
        if asked.get("gateway", "all") != "all":
            found = found.filter(gateway=asked["gateway"])
        if "provider" in asked:
            found = found.filter(provider_slug__iexact=asked["provider"])
        if "model_type" in asked:
            found = found.filter(model_type__in=asked["model_type"].split(","))
        return found


router = routers.SimpleRouter(trailing_slash=False)
router.register("models", OfferViewSet, basename="models")
urlpatterns = [path("catalog/", include(router.urls))]


def fill(documents: str) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Offer)
    own = {"name", "provider_slug", "model_type", "description", "tags", "pricing", "architecture", "top_provider"}
    with open(documents, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    Offer.objects.bulk_create(
        [
            Offer(
                offer_id=row["id"],
                gateway=row["source_gateway"],
                facts={name: value for name, value in row.items() if name not in own},
                **{name: row[name] for name in own},
            )
            for row in rows
        ],
        batch_size=500,
    )


if __name__ == "__main__":
    fill(sys.argv[1])
else:
    application = get_wsgi_application()
