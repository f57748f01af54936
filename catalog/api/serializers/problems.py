"""The shapes of errors."""

from __future__ import annotations

from rest_framework.serializers import Serializer

from catalog.api.serializers import fields


class ParameterProblemSerializer(Serializer[object]):
    parameter = fields.text("The query parameter.")
    value = fields.text("What was sent.")
    reason = fields.text("What is wrong with it.")


class ProblemSerializer(Serializer[object]):
    """An error, as RFC 9457 describes it."""

    type = fields.text("The address of a page about this kind of error.")
    title = fields.text("The kind of error.")
    status = fields.count("The HTTP status.")
    detail = fields.text("What is wrong this time.")
    instance = fields.text("The path that was asked for.")
    errors = ParameterProblemSerializer(many=True, required=False)
    request_id = fields.text("Leads to the log lines of this request.", null=True)


class ErrorSerializer(Serializer[object]):
    message = fields.text("What is wrong this time.")
    type = fields.text("The kind of error, in OpenAI's words.")
    param = fields.text("The first wrong parameter; null where it is no parameter.", null=True)
    code = fields.count("The HTTP status.")


class DropInProblemSerializer(ProblemSerializer):
    """The same error twice: for clients of RFC 9457, and under `error` for those of OpenAI and OpenRouter."""

    error = ErrorSerializer()
