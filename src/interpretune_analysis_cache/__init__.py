"""The doorstep of `interpretune.analysis.cache`: what has to run without importing anything below `interpretune`.

Importing `interpretune.analysis.cache` imports its parent packages first, and where interpretune itself is installed
that takes seconds. What must be quick lies here instead. This file is imported whenever the interpreter starts (see
`finder`), so nothing else belongs in it.

PYTEST_DONT_REWRITE: pytest rewrites the assertions of its plugins' packages, and warns in every run of every project
where such a package was imported before. This one always was, and asserts nothing.
"""
