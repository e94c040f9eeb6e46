"""What is asked: multiple-choice questions on pictures, and where they come from (`registry` has every benchmark by
name).
"""
