"""The addresses of this app."""

from __future__ import annotations

from catalog.api.routing import CatalogRouter
from monitoring.api import AvailabilityOfModels, AvailabilityOfOffers

urlpatterns = CatalogRouter([AvailabilityOfOffers, AvailabilityOfModels]).urls
