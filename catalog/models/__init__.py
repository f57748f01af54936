"""The database tables, one file per family. The models do not import the adapters."""

from __future__ import annotations

from catalog.models.canonical import CanonicalModel, IdentityCandidate, IdentityLink, IdentityStatement
from catalog.models.capture import Capture, RunPage
from catalog.models.curation import CurationAction, CurationItem
from catalog.models.gateway import Gateway
from catalog.models.gateway_setting import GatewaySetting
from catalog.models.naming import Maker, Tag
from catalog.models.observation import Observation
from catalog.models.offer import Offer, OfferVersion, Provider
from catalog.models.operation import RunCount, TaskEnd
from catalog.models.override import Override
from catalog.models.price import Price, PriceHold
from catalog.models.revision import Revision
from catalog.models.saved_filter import SavedFilter
from catalog.models.sync_run import RejectedRow, SyncRun

__all__ = [
    "CanonicalModel",
    "Capture",
    "CurationAction",
    "CurationItem",
    "Gateway",
    "GatewaySetting",
    "IdentityCandidate",
    "IdentityLink",
    "IdentityStatement",
    "Maker",
    "Observation",
    "Offer",
    "OfferVersion",
    "Override",
    "Price",
    "PriceHold",
    "Provider",
    "RejectedRow",
    "Revision",
    "RunCount",
    "RunPage",
    "SavedFilter",
    "SyncRun",
    "Tag",
    "TaskEnd",
]
