"""A project that uses the analysis cache in its tests."""
