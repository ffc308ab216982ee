"""An executed Jupyter notebook as one HTML page that runs nothing and loads nothing.

`page.render` makes the page; `outputs.KeptOutputs` keeps what cells display at a size
that a person reads. Importing this package imports neither.
"""
