"""The tables, one file per family. Tables know no adapters."""

from __future__ import annotations

from catalog.models.gateway import Gateway
from catalog.models.offer import Offer, OfferVersion, Provider
from catalog.models.override import Override
from catalog.models.revision import Revision
from catalog.models.sync_run import RejectedRow, SyncRun

__all__ = ["Gateway", "Offer", "OfferVersion", "Override", "Provider", "RejectedRow", "Revision", "SyncRun"]
