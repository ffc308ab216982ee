"""Jupyter kernels that start warm, forked from a process that imported ahead.

`imports` finds what a notebook imports, `client` starts the process that imports it
and asks it for kernels, `server` is that process, `request` their messages;
`provisioner` hands the kernels to Jupyter, `plugins` to its server and to nbval.
"""
