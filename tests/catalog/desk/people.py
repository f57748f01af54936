"""People with a role, logged in."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client

from catalog.desk.roles import Role


def person(role: Role | None) -> User:
    """Return a new account of staff with this role; with None, one without any."""
    user = User.objects.create_user(role or "stranger", is_staff=True)
    if role is not None:
        user.groups.set([Group.objects.get(name=role)])
    return user


def logged_in(role: Role | None) -> Client:
    client = Client()
    client.force_login(person(role))
    return client
