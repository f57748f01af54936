"""The addresses of assets, for templates of Django's admin: `{% load assets %}{% asset "admin" %}`."""

from __future__ import annotations

from django import template

from catalog.web import assets

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """Return the address of an asset by its name without an ending."""
    return assets.addresses()[name]
