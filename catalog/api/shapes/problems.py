"""The shapes of errors."""

from __future__ import annotations

from rest_framework.serializers import Serializer

from catalog.api.shapes import fields


class ParameterProblemSerializer(Serializer[object]):
    parameter = fields.text("The query parameter.")
    value = fields.text("The value in the request.")
    reason = fields.text("What is wrong with the parameter.")


class ProblemSerializer(Serializer[object]):
    """An error in the form of RFC 9457."""

    type = fields.text("The address of a page about this kind of error.")
    title = fields.text("The kind of error.")
    status = fields.count("The HTTP status.")
    detail = fields.text("What is wrong with this request.")
    instance = fields.text("The requested path.")
    errors = ParameterProblemSerializer(many=True, required=False)
    request_id = fields.text("The id of this request in the logs.", null=True)


class ErrorSerializer(Serializer[object]):
    message = fields.text("What is wrong with this request.")
    type = fields.text("The kind of error, in OpenAI's terms.")
    param = fields.text("The first wrong parameter; null if no parameter is wrong.", null=True)
    code = fields.count("The HTTP status.")


class DropInProblemSerializer(ProblemSerializer):
    """An error in the form of RFC 9457, repeated under `error` for clients of OpenAI and OpenRouter."""

    error = ErrorSerializer()
