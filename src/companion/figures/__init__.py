"""How it is drawn: `NAME.py` makes figures/NAME.png, by `table(...)`, from rows or records, and `draw(table, about)`.

The first line of a module says what its figure shows, and begins its alt text. `theme` has the looks that all share,
`interval_plots` what several draw alike; `gallery` writes figures with their tables and the manifest.
`single_items` and `live_curves` draw what notebooks and the lab show and do not save.
"""
