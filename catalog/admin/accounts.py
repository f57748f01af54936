"""The accounts of staff: Django's own pages. Those that set a password hash one at a time."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.utils.decorators import method_decorator

from catalog.admin.logins import one_hash_at_a_time

admin.site.unregister(User)


@admin.register(User)
@method_decorator(one_hash_at_a_time, name="add_view")
@method_decorator(one_hash_at_a_time, name="user_change_password")
class AccountAdmin(UserAdmin):
    pass
