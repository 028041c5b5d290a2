"""Jaycache as back ends of Flask-Caching and of Django."""
