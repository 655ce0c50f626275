"""Trained runs as a service over HTTP, with the contract of LibreTranslate."""
