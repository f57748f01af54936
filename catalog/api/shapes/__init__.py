"""The shapes of the answers, for the OpenAPI document. Nothing is serialised here: publication renders documents.

A test compares every answer with these shapes, so they cannot become outdated.
"""
