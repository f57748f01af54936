"""What people decided: one action for each decision, with an item for each value that it changed. Append-only.

Only `catalog/publication/audit.py` writes these tables, in the transaction that publishes. Triggers of the database
refuse every change (`append_only.py`).
"""

from __future__ import annotations

from django.db import models


class CurationAction(models.Model):
    """One decision of a person, or of the program for a person, such as the end of an override."""

    class Kind(models.TextChoices):
        FORM = "form", "values of one offer"
        BULK = "bulk", "values of many offers"
        CSV = "csv", "a file of values"
        EXPIRY = "expiry", "overrides that ended"
        UNDO = "undo", "an action undone"
        PRICES = "prices", "held prices"
        RUN = "run", "a held run"
        IDENTITY = "identity", "the model of an offer"
        TAG = "tag", "tags"
        MAKER = "maker", "makers"
        GATEWAY = "gateway", "settings of a gateway"
        SYNC = "sync", "a run requested"
        VIEW = "view", "saved filters"
        KEY = "key", "API keys"
        LOGIN = "login", "logins unlocked"

    number = models.PositiveBigIntegerField(primary_key=True, help_text="Counted from 1, without gaps.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # No foreign key: the trail must not change, and not be an obstacle, when an account is deleted.
    actor = models.CharField(max_length=150, help_text="The name of the account, or of the program's task.")
    actor_number = models.PositiveBigIntegerField(null=True, help_text="The account's number; empty for a task.")
    reason = models.TextField()
    made_at = models.DateTimeField("made", db_index=True)
    revision_before = models.PositiveBigIntegerField()
    revision_after = models.PositiveBigIntegerField(help_text="Equal to the one before if nothing served changed.")
    selection = models.TextField(blank=True, help_text="The filters by which the offers were found, as a query.")
    source_sha256 = models.CharField(max_length=64, blank=True, help_text="The hash of the file of a CSV import.")
    count = models.PositiveIntegerField(help_text="The number of items.")
    undoes = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="undone_by")
    previous = models.CharField(max_length=64, help_text="The digest of the action before; empty for the first one.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of this action, its items, `previous`.")

    class Meta:
        indexes = [models.Index(fields=["revision_after"], name="action_of_revision")]

    def __str__(self) -> str:
        return f"action {self.number}"


class CurationItem(models.Model):
    """One value that an action changed."""

    class Subject(models.TextChoices):
        OFFER = "offer"
        HOLD = "hold", "held price"
        RUN = "run"
        IDENTITY = "identity", "statement about a model"
        TAG = "tag"
        MAKER = "maker"
        GATEWAY = "gateway"
        VIEW = "view", "saved filter"
        KEY = "key", "API key"
        LOGIN = "login"

    action = models.ForeignKey(CurationAction, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveIntegerField(help_text="Counted from 1 within the action.")
    subject_kind = models.CharField(max_length=10, choices=Subject.choices)
    subject_number = models.PositiveBigIntegerField(null=True, help_text="The primary key of the row, if it has one.")
    subject = models.TextField(help_text="As people read it: gateway and id of an offer, the name of a tag.")
    field = models.CharField(max_length=40, blank=True)
    before = models.JSONField(null=True, help_text="Null: there was none.")
    after = models.JSONField(null=True, help_text="Null: there is none.")
    served_before = models.JSONField(null=True)
    served_after = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "position"], name="one_item_per_position")]
        indexes = [
            # The newest item of a field of an offer: an undo asks whether it is still the undone action's.
            models.Index(fields=["subject_kind", "subject_number", "field", "-action"], name="items_of_subject")
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.field}"
