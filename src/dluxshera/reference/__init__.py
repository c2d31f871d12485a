"""Reference pages from the exported schemas and the error-budget report.

The pages are written from the files that the package exports, never from its code, so that what a reader sees is what a
schema promises. Run ``python -m dluxshera.reference`` in the root of the repository.
"""
