"""The paper's public benchmarks, one module each; `benchmark` is what an entry is, `files` finds and reads their
files.
"""
