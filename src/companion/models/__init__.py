"""Who is asked: one `interface` for models of this machine (`local`, `vllm`) and behind servers (`server`); `open`
finds them by name.
"""
