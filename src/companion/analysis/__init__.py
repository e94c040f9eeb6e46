"""From rows and records to the tables behind the figures, and to the findings that they support or contradict."""
