"""The providers of models."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.serializers import fields
from catalog.api.serializers.lists import ListSerializer, StampSerializer


class ProviderSerializer(Serializer[object]):
    slug = fields.text("The canonical spelling; the `provider` filter takes this and the aliases, in any case.")
    name = fields.text("For people.")
    aliases = fields.words("Other spellings of it that gateways use.")
    site_url = serializers.URLField(allow_null=True, help_text="Its site.")
    logo_url = fields.text("Its mark, as a reference relative to this service; a lettered one where there is no other.")
    hugging_face = fields.text("Its organisation at Hugging Face.", null=True)
    headquarters = fields.text("ISO code of the country of its headquarters.", null=True)
    status_page_url = serializers.URLField(allow_null=True, help_text="Where it tells of outages.")
    terms_url = serializers.URLField(allow_null=True, help_text="Its terms of service.")
    privacy_url = serializers.URLField(allow_null=True, help_text="Its privacy policy.")
    source_gateways = fields.words("The gateways that offer its models.")
    model_count = fields.count("Its offers.")
    model_types = serializers.DictField(child=serializers.IntegerField(), help_text="Offers by model type.")


class ProviderListSerializer(ListSerializer):
    data = ProviderSerializer(many=True)


class ProviderDetailSerializer(StampSerializer):
    data = ProviderSerializer()
