"""`manage.py audit verify` says whether every action is as it was written, and names the first that is not."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.curation import overrides
from catalog.models import CurationAction, Offer, append_only
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db


def verify(**options: str) -> str:
    out = StringIO()
    call_command("audit", "verify", stdout=out, **options)
    return out.getvalue()


def tag(name: str) -> str:
    """Tag the offer, and return the digest of that action."""
    value, now = {"add": [name], "remove": []}, timezone.now()
    overrides.set_override(
        Offer.objects.get(), field="tags", value=value, reason="seen", author=None, is_confirmed=True, now=now
    )
    return CurationAction.objects.latest("number").digest


def test_actions_as_they_were_written_are_counted_and_the_last_digest_is_printed() -> None:
    assert verify() == "0 actions are as they were written; the last digest is none\n"
    publish(offer_record("a/1"))
    first, second = tag("hot"), tag("new")

    assert verify(head=first) == f"2 actions are as they were written; the last digest is {second}\n"


def test_a_changed_action_a_cut_off_end_and_missing_triggers_are_errors() -> None:
    publish(offer_record("a/1"))
    tag("hot")
    with pytest.raises(CommandError, match="no action has the digest f00d: actions at the end are missing"):
        verify(head="f00d")

    with append_only.lifted():
        with pytest.raises(CommandError, match=r"the database lacks .*_no_update.*; run `python manage.py migrate`"):
            verify()
        CurationAction.objects.update(reason="another")
    with pytest.raises(CommandError, match="action 1, or one of its items, was changed after it was written; the 0 "):
        verify()
