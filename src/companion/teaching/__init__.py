"""What notebooks open with and how they run, the lab, the exercises, and the pages that are written from results."""
