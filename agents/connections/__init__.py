"""Connections of users and developers to services: who signed in where, and what that allows calls to do."""
