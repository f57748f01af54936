"""Answers of gateways about their own state, in the shapes that they have."""

from __future__ import annotations

from typing import Any

Json = Any


def chute(name: str = "maker/model", **fields: Json) -> Json:
    """A row of Chutes' utilization."""
    row = {
        "chute_id": "110bf8d9-d07e-54dd-9c31-abe1a9919c7a",
        "name": name,
        "timestamp": "2026-08-04T10:00:03.120000Z",
        "utilization_current": 0.41,
        "utilization_5m": 0.38,
        "utilization_15m": 0.4,
        "utilization_1h": 0.37,
        "rate_limit_ratio_5m": 0.0,
        "rate_limit_ratio_15m": 0.01,
        "rate_limit_ratio_1h": 0.02,
        "total_requests_5m": 210,
        "completed_requests_5m": 208,
        "rate_limited_requests_5m": 2,
        "instance_count": 4,
        "action_taken": "no_action",
        "target_count": 4,
        "update_in_progress": False,
        "total_instance_count": 4,
        "active_instance_count": 4,
        "scalable": True,
        "scale_allowance": 8,
    }
    return row | fields


def host(tag: str = "acme", **fields: Json) -> Json:
    """A row of OpenRouter's endpoints."""
    row = {
        "name": f"{tag} | maker/model-20260512",
        "model_id": "maker/model",
        "model_name": "Maker: Model",
        "context_length": 131072,
        "pricing": {"prompt": "0.00000015", "completion": "0.0000015", "discount": 0},
        "provider_name": tag.title(),
        "tag": tag,
        "quantization": "fp8",
        "max_completion_tokens": 8192,
        "max_prompt_tokens": None,
        "supported_parameters": ["max_tokens"],
        "status": 0,
        "uptime_last_30m": 99.2,
        "uptime_last_5m": None,
        "uptime_last_1d": 99.9,
        "supports_implicit_caching": False,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }
    return row | fields


def endpoints(*hosts: Json, model: str = "maker/model") -> Json:
    return {"data": {"id": model, "name": "Maker: Model", "created": 1778597029, "endpoints": list(hosts)}}
