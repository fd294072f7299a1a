"""Answers in the form of the OpenAI responses API."""
