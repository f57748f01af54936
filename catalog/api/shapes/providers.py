"""The providers of models."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.serializers import Serializer

from catalog.api.shapes import fields
from catalog.api.shapes.lists import ListSerializer, StampSerializer


class ProviderSerializer(Serializer[object]):
    slug = fields.text("The canonical spelling. The `provider` filter accepts it and the aliases, case-insensitive.")
    name = fields.text("The display name.")
    aliases = fields.words("Other spellings that gateways use.")
    site_url = serializers.URLField(allow_null=True, help_text="The provider's website.")
    logo_url = fields.text("The logo, as a reference relative to this service; a letter if the provider has none.")
    hugging_face = fields.text("The provider's organisation at Hugging Face.", null=True)
    headquarters = fields.text("ISO code of the country of its headquarters.", null=True)
    status_page_url = serializers.URLField(allow_null=True, help_text="The page that reports its outages.")
    terms_url = serializers.URLField(allow_null=True, help_text="Its terms of service.")
    privacy_url = serializers.URLField(allow_null=True, help_text="Its privacy policy.")
    source_gateways = fields.words("The gateways that offer its models.")
    model_count = fields.count("The number of its offers.")
    model_types = serializers.DictField(child=serializers.IntegerField(), help_text="Offers by model type.")


class ProviderListSerializer(ListSerializer):
    data = ProviderSerializer(many=True)


class ProviderDetailSerializer(StampSerializer):
    data = ProviderSerializer()
