"""The raw answers of gateways, as they were received."""

from __future__ import annotations

from django.db import models

from catalog.models.sync_run import SyncRun


class Capture(models.Model):
    """One answer, compressed; equal answers are stored once."""

    sha256 = models.CharField("SHA-256", max_length=64, unique=True, help_text="Of the decoded bytes.")
    body = models.BinaryField(help_text="Compressed by Zstandard.")
    size = models.PositiveBigIntegerField(help_text="Bytes when decompressed.")
    captured_at = models.DateTimeField("first captured")

    def __str__(self) -> str:
        return self.sha256[:12]


class RunPage(models.Model):
    """The capture that a run received for one request."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="pages")
    position = models.PositiveIntegerField(help_text="Counted from 1, in the order of the requests.")
    request = models.TextField(
        help_text="Host, path and query as JSON; the key and the address of the host are no part."
    )
    capture = models.ForeignKey(Capture, on_delete=models.PROTECT, related_name="pages")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="one_page_per_position")]

    def __str__(self) -> str:
        return self.request
