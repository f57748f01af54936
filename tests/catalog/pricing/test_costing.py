"""What a workload costs: examples worked by hand, and properties over any prices and workloads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from datetime import UTC, time
from decimal import Decimal, localcontext
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.pricing import billing, meters, money, status
from catalog.pricing.costing import Bill, bill
from catalog.pricing.workloads import Workload
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord

LONG: Condition = ("prompt_tokens", ">=", 200_001)
LONGER: Condition = ("prompt_tokens", ">=", 500_001)
NIGHT: Condition = ("utc_window", "during", "16:30-00:30")
BATCH: Condition = ("execution_mode", "=", "batch")
PRIORITY: Condition = ("execution_mode", "=", "priority")


def per_token(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return meters.price(meter, money.usd_per_token(amount), conditions=conditions)


def per_hour(amount: str) -> PriceRecord:
    return meters.price(meters.COMPUTE_HOUR, money.usd_per_hour(amount))


PROMPT = per_token(meters.INPUT_TEXT, "0.000002")
COMPLETION = per_token(meters.OUTPUT_TEXT, "0.00001")
TIERED = (
    PROMPT,
    COMPLETION,
    per_token(meters.INPUT_TEXT, "0.000004", LONG),
    per_token(meters.OUTPUT_TEXT, "0.000015", LONG),
)
BY_NIGHT = (PROMPT, per_token(meters.INPUT_TEXT, "0.000001", NIGHT))


def stated(quantities: Mapping[str, Any]) -> Workload:
    return Workload(**quantities)


def without(workload: Workload, names: Collection[str]) -> Workload:
    zeros: dict[str, Any] = dict.fromkeys(names, 0)
    return replace(workload, **zeros)


def billed_meters(answer: Bill) -> dict[str, Decimal]:
    return {line.meter: line.quantity for line in answer.lines}


class TestTokens:
    def test_input_and_output_are_billed_each_at_its_price(self) -> None:
        answer = bill((PROMPT, COMPLETION), Workload(input_tokens=1_000_000, output_tokens=50_000))

        # 1,000,000 x 0.000002 = 2.00; 50,000 x 0.00001 = 0.50
        assert [line.amount for line in answer.lines] == [Decimal("2"), Decimal("0.5")]
        assert answer.total == Decimal("2.5")

    def test_an_unknown_price_of_the_workload_leaves_no_total(self) -> None:
        answer = bill((PROMPT,), Workload(input_tokens=1000, output_tokens=1000))

        assert answer.total is None
        assert answer.reasons == ("its price of output.text is not known",)
        assert billed_meters(answer) == {"input.text": 1000}

    def test_an_unknown_price_outside_the_workload_does_not_matter(self) -> None:
        assert bill((PROMPT,), Workload(input_tokens=1000)).total == Decimal("0.002")

    def test_the_bill_of_a_free_offer_has_lines(self) -> None:
        free = (per_token(meters.INPUT_TEXT, "0"), per_token(meters.OUTPUT_TEXT, "0"))

        answer = bill(free, Workload(input_tokens=7, output_tokens=9), zero_is_free=True)

        assert answer.total == 0
        assert billed_meters(answer) == {"input.text": 7, "output.text": 9}

    def test_zeros_without_evidence_are_not_free(self) -> None:
        zeros = (per_token(meters.INPUT_TEXT, "0"), per_token(meters.OUTPUT_TEXT, "0"))

        assert bill(zeros, Workload(input_tokens=7)).reasons == ("its prices of 0 are no evidence that it is free",)

    def test_zeros_of_text_next_to_the_price_of_an_image_cost_no_text(self) -> None:
        zeros = (per_token(meters.INPUT_TEXT, "0"), per_token(meters.OUTPUT_TEXT, "0"))
        offer = (*zeros, per_token(meters.OUTPUT_IMAGE_TOKEN, "0.00003"))

        assert bill(offer, Workload(input_tokens=7)).reasons == ("its price of input.text is not known",)
        # 1,000 x 0.00003
        assert bill(offer, Workload(output_image_tokens=1000)).total == Decimal("0.03")
        assert bill(offer, Workload(input_tokens=7), zero_is_free=True).total == 0

    def test_output_tokens_ask_for_text_in_the_outputs(self) -> None:
        asked, free = Workload(input_tokens=7, output_tokens=9), (PROMPT, per_token(meters.OUTPUT_TEXT, "0"))

        for prices in (free, (PROMPT, COMPLETION), (per_hour("22"),), ()):
            answer = bill(prices, asked, zero_is_free=True, puts_out_text=False)
            assert (answer.total, answer.reasons) == (None, ("it puts out no text",))
        # 7 x 0.000002
        assert bill(free, Workload(input_tokens=7), puts_out_text=False).total == Decimal("0.000014")

    def test_a_price_that_is_decided_at_run_time_cannot_be_costed(self) -> None:
        assert bill((), Workload(), is_dynamic=True).reasons == ("its price is decided when a request runs",)

    def test_the_price_of_a_tool_alone_is_no_price(self) -> None:
        search = meters.price(meters.SEARCH_WEB, money.usd_per_search("0.01"))

        assert bill((search,), Workload(web_searches=3), zero_is_free=True).reasons == ("none of its prices is known",)


class TestPromptSizes:
    def test_the_bound_itself_still_has_the_base_price(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=200_000, output_tokens=1000, requests=1))

        # 200,000 x 0.000002 = 0.40; 1,000 x 0.00001 = 0.01
        assert answer.total == Decimal("0.41")
        assert [line.conditions for line in answer.lines] == [(), ()]

    def test_one_token_more_reprices_the_whole_request(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=200_001, output_tokens=1000, requests=1))

        # 200,001 x 0.000004 = 0.800004; 1,000 x 0.000015 = 0.015
        assert answer.total == Decimal("0.815004")
        assert [line.conditions for line in answer.lines] == [(LONG,), (LONG,)]

    def test_the_size_is_that_of_one_request(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=400_000, requests=2))

        # 400,000 / 2 = 200,000 each, so the base price: 400,000 x 0.000002
        assert answer.total == Decimal("0.8")

    def test_an_average_is_compared_without_rounding(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=600_002, requests=3))

        # 600,002 / 3 = 200,000.67 < 200,001, so the base price: 600,002 x 0.000002
        assert answer.total == Decimal("1.200004")

    def test_the_size_may_be_stated_in_addition_to_the_tokens(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=1000, prompt_tokens=250_000))

        # 1,000 x 0.000004
        assert answer.total == Decimal("0.004")

    def test_audio_and_image_tokens_are_part_of_the_prompt(self) -> None:
        spoken = (*TIERED, per_token(meters.INPUT_AUDIO, "0.000003"))

        answer = bill(spoken, Workload(input_tokens=1000, audio_input_tokens=199_001, requests=1))

        # 1,000 + 199,001 = 200,001: 1,000 x 0.000004 + 199,001 x 0.000003
        assert answer.total == Decimal("0.601003")

    def test_if_it_is_unknown_the_base_price_is_billed_with_a_note(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=10_000_000))

        # 10,000,000 x 0.000002
        assert answer.total == 20
        assert answer.notes == ("the size of the prompts is not stated, so prices for long ones are left out",)

    @pytest.mark.parametrize(("tokens", "total"), [(500_000, "2"), (500_001, "3.000006")])
    def test_the_highest_bound_that_is_reached_decides(self, tokens: int, total: str) -> None:
        steps = (per_token(meters.INPUT_TEXT, "0.000006", LONGER), *TIERED)

        # 500,000 x 0.000004; 500,001 x 0.000006
        assert bill(steps, Workload(input_tokens=tokens, requests=1)).total == Decimal(total)

    def test_a_meter_that_the_larger_size_does_not_name_keeps_its_price(self) -> None:
        cached = (*TIERED, per_token(meters.INPUT_TEXT_CACHE_READ, "0.0000002"))

        answer = bill(cached, Workload(input_tokens=300_000, cached_input_tokens=200_000, requests=1))

        # 100,000 x 0.000004 = 0.40; 200,000 x 0.0000002 = 0.04
        assert answer.total == Decimal("0.44")

    def test_a_price_that_is_known_for_long_prompts_only_is_unknown_for_short_ones(self) -> None:
        half = (per_token(meters.INPUT_TEXT, "0.000004", LONG),)

        assert bill(half, Workload(input_tokens=200_001, requests=1)).total == Decimal("0.800004")
        assert bill(half, Workload(input_tokens=5, requests=1)).reasons == ("its price of input.text is not known",)


class TestHoursOfTheDay:
    @pytest.mark.parametrize(
        ("at", "total"),
        [
            (time(16, 29, 59), "2"),
            (time(16, 30), "1"),
            (time(23, 59, 59), "1"),
            (time(0, 0), "1"),
            (time(0, 29, 59), "1"),
            (time(0, 30), "2"),
            (time(12, 0), "2"),
        ],
    )
    def test_a_window_wraps_midnight_and_leaves_its_end_out(self, at: time, total: str) -> None:
        # 1,000,000 x 0.000001 within 16:30-00:30, x 0.000002 outside
        assert bill(BY_NIGHT, Workload(input_tokens=1_000_000, at=at)).total == Decimal(total)

    @pytest.mark.parametrize(
        ("window", "at", "is_in"),
        [
            ("08:00-10:00", time(7, 59), False),
            ("08:00-10:00", time(8, 0), True),
            ("08:00-10:00", time(10, 0), False),
            ("08:00-24:00", time(23, 59), True),
            ("08:00-24:00", time(0, 0), False),
            ("00:00-00:00", time(5, 0), True),
            ("00:00-24:00", time(5, 0), True),
        ],
    )
    def test_other_windows(self, window: str, at: time, is_in: bool) -> None:
        circumstances = billing.Circumstances(prompt_tokens=None, at=at)

        assert billing.holds([("utc_window", "during", window)], circumstances) is is_in

    def test_without_a_time_of_day_the_base_price_is_billed_with_a_note(self) -> None:
        answer = bill(BY_NIGHT, Workload(input_tokens=1_000_000))

        assert answer.total == 2
        assert answer.notes == ("the time of day is not stated, so prices for parts of the day are left out",)


class TestPricesThatHoldAtOnce:
    WORKLOAD = Workload(input_tokens=300_000, requests=1, at=time(20, 0))

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_one_with_more_conditions_is_billed(self, order: int) -> None:
        prices = (
            PROMPT,
            per_token(meters.INPUT_TEXT, "0.000003", LONG, NIGHT),
            per_token(meters.INPUT_TEXT, "0.000004", LONG),
            per_token(meters.INPUT_TEXT, "0.000001", NIGHT),
        )

        # 300,000 x 0.000003
        assert bill(prices[::order], self.WORKLOAD).total == Decimal("0.9")

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_larger_prompt_size_counts_more_than_the_hour(self, order: int) -> None:
        small_at_night = per_token(meters.INPUT_TEXT, "0.000003", ("prompt_tokens", ">=", 32_001), NIGHT)
        prices = (PROMPT, small_at_night, per_token(meters.INPUT_TEXT, "0.000004", LONG))

        # 300,000 x 0.000004
        assert bill(prices[::order], self.WORKLOAD).total == Decimal("1.2")

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_shorter_window_is_billed(self, order: int) -> None:
        evening = per_token(meters.INPUT_TEXT, "0.000003", ("utc_window", "during", "19:00-21:00"))

        # 300,000 x 0.000003
        assert bill((*BY_NIGHT, evening)[::order], self.WORKLOAD).total == Decimal("0.9")

    @pytest.mark.parametrize(
        "condition",
        [
            ("prompt_tokens", "<", 1000),
            ("prompt_tokens", ">=", "1000"),
            ("region", "is", "eu"),
            ("utc_window", "during", "25:00-26:00"),
            ("utc_window", "during", "16:30"),
            ("utc_window", "from", "16:30-00:30"),
        ],
    )
    def test_a_condition_that_is_not_understood_is_never_passed_over(self, condition: Condition) -> None:
        answer = bill((PROMPT, per_token(meters.INPUT_TEXT, "0.000003", condition)), self.WORKLOAD)

        assert answer.total is None
        assert answer.reasons == (f"the condition {' '.join(map(str, condition))} is not understood",)


class TestCaches:
    WORKLOAD = Workload(
        input_tokens=1_000_000, cached_input_tokens=600_000, cache_write_tokens=100_000, cache_write_1h_tokens=50_000
    )
    READ = per_token(meters.INPUT_TEXT_CACHE_READ, "0.0000002")
    WRITE = per_token(meters.INPUT_TEXT_CACHE_WRITE, "0.0000025")
    WRITE_1H = per_token(meters.INPUT_TEXT_CACHE_WRITE_1H, "0.000004")

    def test_each_part_of_the_input_has_its_price(self) -> None:
        answer = bill((PROMPT, self.READ, self.WRITE, self.WRITE_1H), self.WORKLOAD)

        # 250,000 x 0.000002 = 0.50; 600,000 x 0.0000002 = 0.12; 100,000 x 0.0000025 = 0.25; 50,000 x 0.000004 = 0.20
        assert [line.amount for line in answer.lines] == [Decimal(text) for text in ("0.5", "0.12", "0.25", "0.2")]
        assert answer.total == Decimal("1.07")

    def test_without_prices_of_their_own_all_parts_are_input(self) -> None:
        answer = bill((PROMPT,), self.WORKLOAD)

        # 1,000,000 x 0.000002
        assert billed_meters(answer) == {"input.text": 1_000_000}
        assert answer.total == 2

    def test_a_write_for_an_hour_is_billed_as_a_write(self) -> None:
        answer = bill((PROMPT, self.READ, self.WRITE), self.WORKLOAD)

        # 0.50 + 0.12 as above; (100,000 + 50,000) x 0.0000025 = 0.375
        assert answer.total == Decimal("0.995")
        assert answer.notes == (
            "no price of input.text.cache_write_1h is known, so it is billed as input.text.cache_write",
        )

    def test_a_write_for_an_hour_is_never_billed_as_something_else_without_a_note(self) -> None:
        write = Workload(input_tokens=1000, cache_write_1h_tokens=1000)

        assert bill((PROMPT,), write).notes == (
            "no price of input.text.cache_write_1h is known, so it is billed as input.text",
        )
        assert bill((PROMPT, self.WRITE, self.WRITE_1H), write).notes == ()
        assert bill((COMPLETION,), write).notes == ()  # it is not billed at all
        # A zero next to a price is none: 1,000 x 0.0000025
        zero = per_token(meters.INPUT_TEXT_CACHE_WRITE_1H, "0")
        assert bill((PROMPT, self.WRITE, zero), write).total == Decimal("0.0025")

    def test_a_cache_read_without_a_price_is_billed_at_the_price_of_this_very_input(self) -> None:
        answer = bill(TIERED, Workload(input_tokens=300_000, cached_input_tokens=300_000, requests=1))

        # 300,000 x 0.000004, the price of long prompts
        assert answer.total == Decimal("1.2")

    def test_a_cache_without_an_input_price_leaves_no_total(self) -> None:
        answer = bill((COMPLETION,), self.WORKLOAD)

        assert answer.reasons == ("its price of input.text is not known",)


class TestOtherMeters:
    def test_reasoning_has_its_own_price(self) -> None:
        prices = (PROMPT, COMPLETION, per_token(meters.OUTPUT_REASONING, "0.000003"))

        answer = bill(prices, Workload(output_tokens=10_000, reasoning_tokens=4_000))

        # 6,000 x 0.00001 = 0.06; 4,000 x 0.000003 = 0.012
        assert answer.total == Decimal("0.072")

    def test_reasoning_without_a_price_is_output(self) -> None:
        answer = bill((PROMPT, COMPLETION), Workload(output_tokens=10_000, reasoning_tokens=4_000))

        # 10,000 x 0.00001
        assert answer.total == Decimal("0.1")

    def test_cached_audio_without_a_price_is_audio(self) -> None:
        audio = (PROMPT, per_token(meters.INPUT_AUDIO, "0.000003"), per_token(meters.OUTPUT_AUDIO, "0.00002"))

        answer = bill(audio, Workload(audio_input_tokens=1000, cached_audio_tokens=400, audio_output_tokens=100))

        # 1,000 x 0.000003 = 0.003; 100 x 0.00002 = 0.002
        assert answer.total == Decimal("0.005")

    def test_audio_without_a_price_is_never_text(self) -> None:
        assert bill((PROMPT,), Workload(audio_input_tokens=1)).reasons == ("its price of input.audio is not known",)

    def test_images_are_billed_each(self) -> None:
        image = meters.price(meters.INPUT_IMAGE, money.usd_per_image("0.001"))

        # 3 x 0.001; their tokens are the same images
        assert bill((PROMPT, image), Workload(images=3, image_tokens=774)).total == Decimal("0.003")

    def test_images_are_billed_by_the_token(self) -> None:
        image_token = per_token(meters.INPUT_IMAGE_TOKEN, "0.000002")

        # 774 x 0.000002
        assert bill((PROMPT, image_token), Workload(images=3, image_tokens=774)).total == Decimal("0.001548")

    def test_images_without_a_price_leave_no_total(self) -> None:
        assert bill((PROMPT,), Workload(images=1)).reasons == ("its price of input.image is not known",)

    def test_images_are_not_guessed_from_the_price_of_their_tokens(self) -> None:
        image_token = per_token(meters.INPUT_IMAGE_TOKEN, "0.000002")

        assert bill((PROMPT, image_token), Workload(images=1)).total is None

    @pytest.mark.parametrize(
        ("meter", "rate", "billed"),
        [
            (meters.OUTPUT_IMAGE, money.usd_per_image("0.04"), {"output.image": Decimal(2)}),
            (meters.OUTPUT_IMAGE_TOKEN, money.usd_per_token("0.00003"), {"output.image_token": Decimal(2000)}),
            (
                meters.INPUT_AUDIO_MINUTE,
                money.Rate(Decimal("0.006"), money.Unit.MINUTE),
                {"input.audio_minute": Decimal(3)},
            ),
            (meters.INPUT_AUDIO, money.usd_per_token("0.000003"), {"input.audio": Decimal(100)}),
        ],
    )
    def test_what_is_stated_in_two_measures_is_billed_in_the_one_that_has_a_price(
        self, meter: str, rate: money.Rate, billed: dict[str, Decimal]
    ) -> None:
        images = Workload(generated_images=2, output_image_tokens=2000)
        audio = Workload(audio_minutes=3, audio_input_tokens=100, cached_audio_tokens=40)

        answer = bill((meters.price(meter, rate),), images if meter.startswith("output") else audio)

        assert (billed_meters(answer), answer.reasons) == (billed, ())

    def test_audio_whose_cache_alone_has_a_price_is_billed_by_the_minute(self) -> None:
        minute = meters.price(meters.INPUT_AUDIO_MINUTE, money.Rate(Decimal("0.006"), money.Unit.MINUTE))
        cache = per_token(meters.INPUT_AUDIO_CACHE_READ, "0.000001")

        answer = bill((minute, cache), Workload(audio_minutes=3, audio_input_tokens=100, cached_audio_tokens=40))

        # 3 x 0.006
        assert answer.total == Decimal("0.018")

    def test_steps(self) -> None:
        step = meters.price(meters.STEP, money.usd_per_step("0.0125"))

        # 30 x 0.0125; the price of an hour is what an instance costs
        assert bill((step, per_hour("2.5")), Workload(steps=30)).total == Decimal("0.375")

    def test_a_web_search_without_a_price_leaves_no_total(self) -> None:
        assert bill((PROMPT,), Workload(web_searches=1)).reasons == ("its price of search.web is not known",)

    def test_every_meter_can_be_billed(self) -> None:
        prices = [meters.price(name, money.Rate(Decimal(1), meter.unit)) for name, meter in meters.METERS.items()]
        ones = {field.name: 1 for field in fields(Workload) if field.name not in {"at", "execution_mode"}}
        workload = stated(ones | {"input_tokens": 4, "output_tokens": 2, "audio_input_tokens": 2})

        # The other measures of what is billed; an hour is billed only alone.
        exempt = {meters.INPUT_IMAGE_TOKEN, meters.OUTPUT_IMAGE_TOKEN, meters.INPUT_AUDIO_MINUTE, meters.COMPUTE_HOUR}
        assert billed_meters(bill(prices, workload)) == dict.fromkeys(meters.METERS.keys() - exempt, Decimal(1))
        others = [billed_meters(bill(prices, stated({name: 1}))) for name in OTHER_MEASURE]
        assert others == [{meter: 1} for meter in meters.METERS if meter in exempt - {meters.COMPUTE_HOUR}]


class TestExecutionModes:
    PRICES = (
        *TIERED,
        per_token(meters.INPUT_TEXT, "0.000001", BATCH),
        per_token(meters.INPUT_TEXT, "0.0000005", PRIORITY),
        per_token(meters.INPUT_TEXT, "0.0000015", BATCH, LONG),
    )

    def test_a_request_without_a_mode_is_billed_the_standard_price(self) -> None:
        assert bill(self.PRICES, Workload(input_tokens=1000)).total == Decimal("0.002")

    def test_a_mode_has_its_own_prices_and_the_standard_ones_for_the_rest(self) -> None:
        answer = bill(self.PRICES, Workload(input_tokens=1000, output_tokens=100, requests=1, execution_mode="batch"))

        # 1,000 x 0.000001 + 100 x 0.00001
        assert answer.total == Decimal("0.002")
        assert answer.notes == ("no price of output.text for the mode batch applies, so the standard one is billed",)

    def test_a_cache_that_costs_the_same_in_every_mode_has_a_note(self) -> None:
        cache = per_token(meters.INPUT_TEXT_CACHE_READ, "0.0000012")
        workload = Workload(input_tokens=1000, cached_input_tokens=600, execution_mode="batch", requests=1)

        answer = bill((*self.PRICES, cache), workload)

        # 400 x 0.000001 + 600 x 0.0000012
        assert answer.total == Decimal("0.00112")
        assert answer.notes == (
            "no price of input.text.cache_read for the mode batch applies, so the standard one is billed",
        )
        assert bill(self.PRICES, workload).notes == ()  # billed as input, which has a price in this mode

    @pytest.mark.parametrize(("mode", "total"), [("batch", "0.3000015"), ("priority", "0.1000005")])
    def test_the_price_of_a_mode_goes_before_the_one_of_a_long_prompt(self, mode: str, total: str) -> None:
        workload = Workload(input_tokens=200_001, requests=1, execution_mode=mode)

        # 200,001 x 0.0000015, the price of long prompts in batches; 200,001 x 0.0000005, the only one of the mode
        assert bill(self.PRICES, workload).total == Decimal(total)

    def test_a_mode_without_a_price_is_billed_the_standard_one_with_a_note(self) -> None:
        answer = bill(self.PRICES, Workload(input_tokens=1000, requests=1, execution_mode="flex"))

        assert answer.total == Decimal("0.002")
        assert answer.notes == ("no price for the mode flex is known, so the standard ones are billed",)

    def test_an_unknown_mode_is_refused(self) -> None:
        with pytest.raises(ValueError, match="execution_mode must be one of standard, batch, flex, priority, fast"):
            Workload(execution_mode="leisurely")


class TestRequests:
    PRICES = (PROMPT, meters.price(meters.REQUEST, money.usd_per_request("0.005")))

    def test_they_are_billed_in_addition_to_the_tokens(self) -> None:
        # 1,000 x 0.000002 = 0.002; 10 x 0.005 = 0.05
        assert bill(self.PRICES, Workload(input_tokens=1000, requests=10)).total == Decimal("0.052")

    def test_a_fee_is_not_passed_over_where_the_workload_does_not_count_them(self) -> None:
        answer = bill(self.PRICES, Workload(input_tokens=1000))

        assert answer.reasons == ("it charges for requests, and the workload states none",)

    def test_they_cost_nothing_if_the_offer_does_not_charge_for_them(self) -> None:
        answer = bill((PROMPT,), Workload(input_tokens=1000, requests=10))

        assert billed_meters(answer) == {"input.text": 1000}
        assert answer.total == Decimal("0.002")

    @pytest.mark.parametrize("price", [PROMPT, per_token(meters.INPUT_TEXT, "0")])
    def test_alone_they_have_no_cost_at_an_offer_that_does_not_charge_for_them(self, price: PriceRecord) -> None:
        answer = bill((price,), Workload(requests=1000), zero_is_free=True)

        assert answer.reasons == ("it does not charge for requests alone",)
        assert bill((price,), Workload(requests=1000, hours=1), zero_is_free=True).reasons == (
            "it is not billed by the hour",
            "it does not charge for requests alone",
        )


class TestHours:
    def test_an_hourly_offer_is_billed_by_the_hour_alone(self) -> None:
        answer = bill((per_hour("22"),), Workload(input_tokens=1_000_000, requests=5, hours=Decimal("1.5")))

        # 1.5 x 22
        assert answer.total == 33
        assert answer.notes == ("only its hours are billed",)

    def test_tokens_alone_have_no_cost_at_an_hourly_offer(self) -> None:
        answer = bill((per_hour("22"),), Workload(input_tokens=1_000_000))

        assert answer.reasons == ("it is billed by the hour, and the workload states no hours",)

    def test_other_quantities_without_hours_have_no_cost_either(self) -> None:
        answer = bill((per_hour("22"),), Workload(requests=5, hours=0))

        assert answer.reasons == ("it is billed by the hour, and the workload states no hours",)

    def test_a_free_hourly_offer_costs_nothing(self) -> None:
        assert bill((per_hour("0"),), Workload(hours=3), zero_is_free=True).total == 0

    def test_the_hour_is_not_billed_on_top_of_tokens(self) -> None:
        answer = bill((PROMPT, per_hour("22")), Workload(input_tokens=1_000_000, hours=10))

        # 1,000,000 x 0.000002
        assert answer.total == 2
        assert answer.notes == ("it is not billed by the hour",)

    def test_hours_alone_have_no_cost_at_a_token_offer(self) -> None:
        assert bill((PROMPT, per_hour("22")), Workload(hours=10)).reasons == ("it is not billed by the hour",)


class TestHeldPrices:
    """`held` names the price; the served amount is among the prices, or is unknown."""

    def test_a_line_at_a_held_price_is_marked(self) -> None:
        answer = bill((PROMPT, COMPLETION), Workload(input_tokens=7, output_tokens=9), held={(meters.INPUT_TEXT, ())})

        assert [(line.meter, line.is_held) for line in answer.lines] == [("input.text", True), ("output.text", False)]
        assert answer.held_meters == ("input.text",)

    def test_a_held_price_that_the_workload_does_not_need_is_no_mark(self) -> None:
        held = {(meters.INPUT_TEXT_CACHE_READ, ()), (meters.INPUT_TEXT, (LONG,)), (meters.INPUT_TEXT, (BATCH,))}

        answer = bill(TIERED, Workload(input_tokens=1000, requests=1), held=held)

        assert (answer.held_meters, [line.is_held for line in answer.lines]) == ((), [False])
        assert bill(TIERED, Workload(input_tokens=300_000, requests=1), held=held).held_meters == ("input.text",)

    def test_an_unknown_price_that_is_held_is_named(self) -> None:
        answer = bill((COMPLETION,), Workload(input_tokens=7), held={(meters.INPUT_TEXT, ())})

        assert (answer.reasons, answer.held_meters) == (("its price of input.text is not known",), ("input.text",))
        assert bill((), Workload(input_tokens=7), held={(meters.INPUT_TEXT, ())}).held_meters == ("input.text",)

    def test_a_part_that_is_billed_as_ordinary_is_marked_for_both(self) -> None:
        workload = Workload(input_tokens=7, cached_input_tokens=7)

        assert bill((PROMPT,), workload, held={(meters.INPUT_TEXT, ())}).held_meters == ("input.text",)
        # Its own price is unknown while it waits, so it is billed as input.
        own = bill((PROMPT,), workload, held={(meters.INPUT_TEXT_CACHE_READ, ())})
        assert (own.total, own.held_meters) == (Decimal("0.000014"), ("input.text.cache_read",))
        assert [line.is_held for line in own.lines] == [False]

    def test_the_price_of_a_mode_goes_before_a_held_standard_one(self) -> None:
        prices = (PROMPT, per_token(meters.INPUT_TEXT, "0.000001", BATCH))
        workload = Workload(input_tokens=7, execution_mode="batch")

        assert bill(prices, workload, held={(meters.INPUT_TEXT, ())}).held_meters == ()
        waiting = bill((PROMPT,), workload, held={(meters.INPUT_TEXT, (BATCH,))})
        assert (waiting.held_meters, [line.is_held for line in waiting.lines]) == (("input.text",), [False])

    def test_a_fee_that_waits_is_not_passed_over(self) -> None:
        held = {(meters.REQUEST, ())}

        answer = bill((PROMPT,), Workload(input_tokens=7, requests=3), held=held)

        assert (answer.reasons, answer.held_meters) == (("its price of request is not known",), ("request",))
        assert bill((PROMPT,), Workload(input_tokens=7), held=held).total is None
        assert bill((PROMPT,), Workload(input_tokens=7, requests=0), held=held).total == Decimal("0.000014")

    def test_the_hour_of_an_instance_is_marked_only_where_it_is_billed(self) -> None:
        held = {(meters.COMPUTE_HOUR, ())}

        assert bill((PROMPT, per_hour("22")), Workload(input_tokens=7, hours=1), held=held).held_meters == ()
        assert bill((per_hour("22"),), Workload(hours=1), held=held).held_meters == ("compute.hour",)

    def test_a_condition_that_is_not_understood_is_a_reason_here_too(self) -> None:
        answer = bill((PROMPT,), Workload(input_tokens=7), held={(meters.INPUT_TEXT, (("region", "is", "eu"),))})

        assert answer.reasons == ("the condition region is eu is not understood",)


class TestWorkloads:
    @pytest.mark.parametrize("value", [1.0, "1", True, Decimal("NaN"), Decimal("Infinity"), -1, 10**18])
    def test_quantities_are_exact_finite_and_not_negative(self, value: object) -> None:
        with pytest.raises(ValueError, match="input_tokens must"):
            Workload(input_tokens=value)  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [Decimal("1E+400000"), Decimal("1E-400000"), Decimal("0.123456789012345678")])
    def test_quantities_have_a_bounded_number_of_digits(self, value: Decimal) -> None:
        with pytest.raises(ValueError, match="at most 18 digits"):
            Workload(hours=value)

    @pytest.mark.parametrize(
        ("whole", "part"),
        [
            ("input_tokens", "cached_input_tokens"),
            ("input_tokens", "cache_write_tokens"),
            ("input_tokens", "cache_write_1h_tokens"),
            ("output_tokens", "reasoning_tokens"),
            ("audio_input_tokens", "cached_audio_tokens"),
        ],
    )
    def test_a_part_is_not_larger_than_the_whole(self, whole: str, part: str) -> None:
        stated({whole: 5, part: 5})
        with pytest.raises(ValueError, match=f"must not exceed {whole}"):
            stated({whole: 5, part: 6})

    def test_the_time_of_day_is_in_utc_by_definition(self) -> None:
        with pytest.raises(ValueError, match="without a time zone"):
            Workload(at=time(12, tzinfo=UTC))


COUNTED = [
    field.name for field in fields(Workload) if field.name not in {"at", "execution_mode", "prompt_tokens", "hours"}
]
"""Quantities that any metered offer may bill."""
OTHER_MEASURE = {
    "image_tokens": "images",
    "output_image_tokens": "generated_images",
    "audio_minutes": "audio_input_tokens",
}
"""Two measures of the same thing; an offer bills only one of them."""
PARTS = {
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "cached_audio_tokens",
}
TOKENS = st.just(0) | st.integers(0, 10**14)
AMOUNTS = st.builds(
    lambda digits, places: Decimal(f"{digits}E-{places}"), st.integers(0, 10**39 - 1), st.integers(0, 39)
)
"""As `money` lets them in: at most 40 digits in plain notation."""
CONDITIONS = st.sampled_from([(LONG,), (LONGER,), (NIGHT,), (LONG, NIGHT)])


@st.composite
def one_measure_of_each(draw: st.DrawFn) -> list[str]:
    """The quantities without one measure of each thing that has two."""
    left_out = {draw(st.sampled_from(pair)) for pair in OTHER_MEASURE.items()}
    left_out |= {"cached_audio_tokens"} if "audio_input_tokens" in left_out else set()
    return [name for name in COUNTED if name not in left_out]


@st.composite
def workloads(draw: st.DrawFn, names: Collection[str] = COUNTED) -> Workload:
    """Return a workload with some of these quantities."""
    part = {name: draw(TOKENS) if name in names else 0 for name in sorted(PARTS)}
    written = part["cache_write_tokens"] + part["cache_write_1h_tokens"]
    wholes = {
        "input_tokens": part["cached_input_tokens"] + written + draw(TOKENS),
        "output_tokens": part["reasoning_tokens"] + draw(TOKENS),
        "audio_input_tokens": part["cached_audio_tokens"] + draw(TOKENS),
    }
    others = {name: draw(TOKENS) for name in COUNTED if name not in PARTS | wholes.keys()}
    return stated({name: quantity for name, quantity in (part | wholes | others).items() if name in names})


@st.composite
def workloads_measured_twice(draw: st.DrawFn) -> tuple[Workload, str, str]:
    """A workload that states both measures of one thing, and the names of the two measures."""
    one, other = draw(st.sampled_from([(one, other) for other, one in sorted(OTHER_MEASURE.items())]))
    workload = draw(workloads())
    both: dict[str, Any] = {name: getattr(workload, name) + draw(st.integers(1, 10**14)) for name in (one, other)}
    return replace(workload, **both), one, other


@st.composite
def price_lists(draw: st.DrawFn, *, has_conditions: bool = False) -> list[PriceRecord]:
    """Prices of an offer that is billed by tokens of text, and by most of the other meters."""
    unknown = draw(st.sets(st.sampled_from(sorted(meters.METERS.keys() - {meters.INPUT_TEXT})), max_size=4))
    priced = sorted(meters.METERS.keys() - unknown)
    prices = {(meter, ()): draw(AMOUNTS) for meter in priced}
    if has_conditions:
        prices |= draw(st.dictionaries(st.tuples(st.sampled_from(priced), CONDITIONS), AMOUNTS))
    return [
        PriceRecord(meter=meter, amount=amount, conditions=conditions) for (meter, conditions), amount in prices.items()
    ]


class TestProperties:
    @settings(deadline=None)  # a busy machine is no failure
    @given(price_lists(has_conditions=True), workloads(), st.none() | st.times(), st.none() | TOKENS)
    def test_the_total_is_the_exact_sum_of_the_lines(
        self, prices: list[PriceRecord], workload: Workload, at: time | None, size: int | None
    ) -> None:
        with localcontext(prec=1):  # the precision of the caller must not matter
            answer = bill(prices, replace(workload, at=at, prompt_tokens=size), zero_is_free=True)
            priced = replace(answer, reasons=())

        exact = sum(Fraction(line.quantity) * Fraction(line.unit_price) for line in answer.lines)
        assert Fraction(priced.total or 0) == exact
        assert answer.total == (None if answer.reasons else priced.total)

    @settings(deadline=None)
    @given(
        price_lists(),
        one_measure_of_each().flatmap(lambda names: st.lists(workloads(names), min_size=2, max_size=2)),
    )
    def test_two_workloads_cost_what_both_together_cost(
        self, prices: list[PriceRecord], workloads: list[Workload]
    ) -> None:
        morning, evening = workloads
        day = stated({name: (getattr(morning, name) or 0) + (getattr(evening, name) or 0) for name in COUNTED})

        totals = [self._share(prices, workload) for workload in (morning, evening, day)]
        if None in totals:
            assert totals[2] is None
        else:
            assert Fraction(totals[0] or 0) + Fraction(totals[1] or 0) == Fraction(totals[2] or 0)

    def _share(self, prices: list[PriceRecord], workload: Workload) -> Decimal | None:
        """Return what a workload adds to a bill.

        Requests alone add 0 if the offer does not charge for them; their bill has no total.
        """
        answer = bill(prices, workload, zero_is_free=True)
        if answer.reasons != ("it does not charge for requests alone",):
            return answer.total
        assert workload == Workload(requests=workload.requests)
        assert meters.REQUEST not in {price.meter for price in prices}
        return Decimal(0)

    @settings(deadline=None)
    @given(price_lists(has_conditions=True), workloads_measured_twice(), st.times(), TOKENS)
    def test_of_two_measures_of_one_thing_only_one_is_billed(
        self, prices: list[PriceRecord], measured: tuple[Workload, str, str], at: time, size: int
    ) -> None:
        workload, one, other = measured
        both = replace(workload, at=at, prompt_tokens=size)
        parts = {"cached_audio_tokens"} if one == "audio_input_tokens" else set()

        alone = [bill(prices, without(both, left_out), zero_is_free=True) for left_out in ({other}, {one, *parts})]

        costed = [answer for answer in alone if not answer.reasons]
        answer = bill(prices, both, zero_is_free=True)
        assert answer == costed[0] if costed else answer.reasons

    @settings(deadline=None)
    @given(
        price_lists(has_conditions=True),
        one_measure_of_each().flatmap(lambda names: st.tuples(workloads(names), st.sampled_from(names))),
        TOKENS,
        TOKENS,
        st.times(),
    )
    def test_more_of_anything_never_costs_less(
        self, prices: list[PriceRecord], growing: tuple[Workload, str], more: int, size: int, at: time
    ) -> None:
        workload, name = growing
        before = replace(workload, prompt_tokens=size, at=at)
        wholes = {"reasoning_tokens": "output_tokens", "cached_audio_tokens": "audio_input_tokens"}
        whole = wholes.get(name, "input_tokens") if name in PARTS else name
        larger: dict[str, Any] = {field: (getattr(before, field) or 0) + more for field in {name, whole}}

        little, much = (bill(prices, stated, zero_is_free=True).total for stated in (before, replace(before, **larger)))
        assert little is None or much is None or little <= much

    @settings(deadline=None)
    @given(price_lists(has_conditions=True), workloads(), st.randoms(use_true_random=False))
    def test_the_order_of_the_prices_does_not_matter(
        self, prices: list[PriceRecord], workload: Workload, random: Random
    ) -> None:
        shuffled = random.sample(prices, len(prices))

        assert bill(shuffled, workload, zero_is_free=True) == bill(prices, workload, zero_is_free=True)

    @given(
        st.dictionaries(st.sampled_from(sorted(meters.METERS)), st.sampled_from([Decimal(0), Decimal(1)])),
        st.booleans(),
        st.booleans(),
    )
    def test_what_can_be_costed_is_what_the_document_calls_priced_or_free(
        self, amounts: dict[str, Decimal], is_dynamic: bool, zero_is_free: bool
    ) -> None:
        prices = tuple(PriceRecord(meter=meter, amount=amount) for meter, amount in amounts.items())
        answer = bill(prices, Workload(requests=0, hours=0), is_dynamic=is_dynamic, zero_is_free=zero_is_free)
        record = OfferRecord(
            id="maker/model",
            slug="maker/model",
            canonical_slug="maker/model",
            name="Model",
            model_type=ModelType.LLM,
            prices=prices,
            is_dynamic=is_dynamic,
            zero_is_free=zero_is_free,
        )

        assert (answer.total == 0) is (status.price_status(record) in {"priced", "free"})
