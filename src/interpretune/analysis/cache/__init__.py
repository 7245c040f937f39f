"""A persistent, semantic cache for AnalysisStore datasets."""
