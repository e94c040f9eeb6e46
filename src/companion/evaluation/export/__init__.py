"""For the tools that people already use: perturbed tasks for lmms-eval and Inspect, rows on the Hugging Face Hub.

`tasks` writes the prompts, `lmms_eval` and `inspect_ai` what those tools need beside them; `files/` is copied along: it
runs in their environments and must not import companion. `hub` pushes and fetches rows.
"""
