"""`python -m tests.web.named`: give offers of a published catalogue tags that look alike, and make a curator.

It runs in its own process, with the settings of the environment.
"""

from __future__ import annotations

import django

CURATOR, PASSWORD = "ada", "correct horse battery"
TAGGED = {"multimodal": 5, "multi-modal": 2, "vision": 3}
"""How many offers have each tag."""


def main() -> None:
    django.setup()
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from catalog.curation import overrides
    from catalog.curation.overrides import Order
    from catalog.curation.wishes import Wish
    from catalog.models import Offer
    from catalog.publication.audit import Actor

    user = User.objects.create_user(CURATOR, password=PASSWORD, is_staff=True)
    user.groups.set([Group.objects.get(name="curator")])
    offers = iter(Offer.objects.filter(withdrawn_at=None).order_by("pk").values_list("pk", flat=True)[:100])
    wishes = [
        Wish(offer=next(offers), field="tags", value={"add": [tag], "remove": []})
        for tag, count in TAGGED.items()
        for _ in range(count)
    ]
    order = Order(wishes=wishes, actor=Actor("command line"), reason="for the tests", is_confirmed=True)
    overrides.carry_out(order, now=timezone.now())


if __name__ == "__main__":
    main()
