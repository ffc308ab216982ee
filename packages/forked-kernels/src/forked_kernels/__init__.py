"""Warm kernels: forked from a process that has imported their modules already.

`imports` finds what notebooks import, `server` is the process (`preload` imports,
`forked` makes a fork a kernel), `warm` starts and asks it, `alike` says which kernels
it can be asked for, `provisioner` is the way into Jupyter. `jupyter` makes every kernel
of a process warm, as `nbval` and `lab` do where these run notebooks.
"""
