"""Warm kernels: forked from a process that has imported their modules already.

`imports` finds what notebooks import, `server` is the process (`preload` imports,
`forked` makes a fork a kernel), `warm` starts and asks it, `provisioner` is the way
into Jupyter.
"""
