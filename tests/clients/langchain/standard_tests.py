"""LangChain's own tests of chat models: `pytest standard_tests.py`, with the service's address in OPENAI_BASE_URL."""

from __future__ import annotations

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestGatewayz(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        only = {
            "provider": {"only": ["openrouter"]}
        }  # answers have the id of the offer that ran, which a test compares
        return {"model": "deepseek-ai/DeepSeek-R1", "stream_usage": True, "max_retries": 0, "extra_body": only}

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_model_override(self):
        return True

    @property
    def model_override_value(self):
        return "deepseek/deepseek-r1"
