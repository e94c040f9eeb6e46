"""Patterns of words of which there is a closed list."""

from __future__ import annotations

DET = (
    r"(?:the|an?|this|that|these|those|his|her|its|their|my|your|our|each|every|both|some|one|two|three|four|five|six)"
)
PREPOSITION = (
    r"(?:in front of|on top of|next to|close to|(?:(?:to|on) the )?(?:left|right)(?: side)? of|across from|in|on|at|"
    r"under|behind|above|below|over|inside|outside|beside|near|between|beneath|underneath|within|against|among|around|"
    r"with)"
)
SIDE = r"(?:(?:top|bottom|upper|lower) )?(?:left|right)|top|bottom|front|back|middle|center|centre"
COLOUR = (
    r"(?:(?:light|dark|bright|pale) )?(?:red|green|blue|yellow|black|white|brown|pink|purple|orange|gr[ae]y|beige|gold|"
    r"golden|silver|tan|maroon|teal|turquoise|cyan|violet|navy|peach|copper)"
)
NUMBER = (
    r"\d[\d,.]*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|"
    r"nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
)
VIEW = r"(?:perspective|viewpoint|point of view|view)"
PICTURE = r"(?:the|this) (?:image|picture|photo|photograph|scene)(?: provided)?"
