"""Responses in the form of the OpenAI API, and the API passed through."""
